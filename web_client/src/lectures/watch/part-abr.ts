/** Lets hls.js learn from each part how fast the line is. By itself it looks at whole segments, and at those parts alone that come one
 * by one: on a line that has become thin a segment of six seconds takes twenty, and until it is there the large picture is asked for. */
import type HlsClass from "hls.js";
import type { AbrController, Events, FragBufferedData, FragLoadedData } from "hls.js";

/** Bits a second that are more than any picture here needs. What is measured beyond would only take long to forget. */
const ENOUGH = 6_000_000;
/** A part that took less than this share of the time it plays was no load for the line: how long it took says how far away and how busy
 * both ends are. Pictures that stand, and those of an encoder that begins, are such. */
const EASY = 0.5;

/** The controller to give to `config.abrController`. */
export function partwise(Hls: typeof HlsClass): typeof AbrController {
  return class PartwiseAbr extends Hls.DefaultConfig.abrController {
    protected override onFragLoaded(event: Events.FRAG_LOADED, data: FragLoadedData): void {
      super.onFragLoaded(event, data);
      if (!data.part || data.frag.type !== "main") return;
      const { loading, loaded } = data.part.stats;
      const waited = Math.min(loading.first - loading.start, this.bwEstimator.getEstimateTTFB());
      const took = Math.max(loading.end - loading.start - waited, (loaded * 8_000) / ENOUGH);
      const easy = took < EASY * 1_000 * data.part.duration;
      if (!easy || (loaded * 8_000) / took > this.bwEstimator.getEstimate()) this.bwEstimator.sample(took, loaded);
    }

    protected override onFragBuffered(event: Events.FRAG_BUFFERED, data: FragBufferedData): void {
      const { part } = data;
      // What a part tells was taken when it was loaded: of less than nothing no sample is made.
      const taken = part && ({ ...part, stats: { ...part.stats, loaded: -1 } } as unknown as typeof part);
      super.onFragBuffered(event, { ...data, part: taken });
    }
  };
}
