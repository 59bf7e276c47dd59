/** Something fetched for a page: its value, whether it failed, and a way to fetch it again without a flicker. */
import { ApiError } from "./api";

export class Resource<T> {
  /** Null until it first arrived; kept while it is fetched again. */
  value = $state.raw<T | null>(null);
  /** What went wrong the last time, while there is no value to show. */
  error = $state.raw<unknown>(null);
  #turn = 0;

  constructor(private readonly loader: () => Promise<T>) {}

  /** Fetch (again). Of answers that overtake each other the last one asked for wins. */
  async load(): Promise<void> {
    const mine = (this.#turn += 1);
    try {
      const value = await this.loader();
      if (mine !== this.#turn) return;
      this.value = value;
      this.error = null;
    } catch (error) {
      if (mine !== this.#turn) return;
      // A line that broke leaves what is shown; what one may not see any more goes.
      if (error instanceof ApiError && [403, 404].includes(error.status)) this.value = null;
      if (this.value === null) this.error = error;
    }
  }
}
