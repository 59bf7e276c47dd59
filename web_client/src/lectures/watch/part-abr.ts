/** Lets hls.js learn from each part how fast the line is. By itself it looks at whole segments alone: on a line that has become
 * thin one of six seconds takes twenty, and until it is there the large picture is asked for, part after part. */
import type HlsClass from "hls.js";
import type { AbrController, Events, FragLoadedData } from "hls.js";

/** Bits a second that are more than any picture here needs. What is measured beyond would only take long to forget. */
const ENOUGH = 6_000_000;

/** The controller to give to `config.abrController`. */
export function partwise(Hls: typeof HlsClass): typeof AbrController {
  return class PartwiseAbr extends Hls.DefaultConfig.abrController {
    protected override onFragLoaded(event: Events.FRAG_LOADED, data: FragLoadedData): void {
      super.onFragLoaded(event, data);
      if (!data.part || data.frag.type !== "main") return;
      const { loading, loaded } = data.part.stats;
      const waited = Math.min(loading.first - loading.start, this.bwEstimator.getEstimateTTFB());
      this.bwEstimator.sample(Math.max(loading.end - loading.start - waited, (loaded * 8_000) / ENOUGH), loaded);
    }
  };
}
