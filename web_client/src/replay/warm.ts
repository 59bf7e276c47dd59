/** A recording that will be wanted in a moment: its player begins to load before the page that shows it is there. */
import { Player } from "./player.svelte";

/** A player that nobody claims is closed after this. */
const PATIENCE = 20_000;

let waiting: { player: Player; timer: ReturnType<typeof setTimeout> } | null = null;

/** The call has ended: load its recording while the way to its page is still under way. */
export function warm(recording: string): void {
  claim(""); // gives up another one
  const player = new Player(recording, "fresh");
  waiting = {
    player,
    timer: setTimeout(() => {
      if (waiting?.player !== player) return;
      waiting = null;
      player.close();
    }, PATIENCE),
  };
  void player.open();
}

/** The waiting player, if it is this recording's; any other is given up. */
export function claim(recording: string): Player | null {
  if (!waiting) return null;
  const { player, timer } = waiting;
  clearTimeout(timer);
  waiting = null;
  if (player.id === recording) return player;
  player.close();
  return null;
}
