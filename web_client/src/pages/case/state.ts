/** The sentence that says where a consultation stands, from the facts the server gives. */
import { when } from "../../lib/format";
import { t } from "../../lib/i18n.svelte";
import type { Case } from "../../lib/types";

/** One sentence for whoever reads; seconds are shown beside it, so that it changes only when the state does. */
export function sentence(view: Case, specialty: string): string {
  const who = view.specialist?.name ?? "";
  if (view.stage === "in-call") return t("case:state.in-call", { name: who });
  if (view.stage === "awaiting-opinion") {
    if (view.may.includes("sign")) return t("case:state.write");
    return view.encounter ? t("case:state.awaiting", { name: who }) : t("case:state.awaiting-written", { name: who });
  }
  if (view.stage === "answered") {
    const at = view.opinion?.signed_at;
    return at ? t("case:state.answered", { name: view.opinion?.author.name ?? who, time: when(at) }) : t("stage.answered");
  }
  if (view.stage === "cancelled") return t("case:state.cancelled");
  return waiting(view, specialty);
}

function waiting(view: Case, specialty: string): string {
  const progress = view.progress;
  const code = progress?.line?.code;
  const args = progress?.line?.args ?? {};
  const name = progress?.ringing?.name ?? String(args.name ?? "");
  const others = Number(args.others ?? 0);
  if (view.may.includes("accept")) return t("case:state.you");
  if (view.stage === "needs-more") return name ? t("case:state.needs-more", { name }) : t("stage.needs-more");
  if (progress?.ringing) return others > 0 ? t("case:state.ringing-many", { name, count: others }) : t("case:state.ringing", { name });
  switch (code) {
    case "nobody-on-call":
      return t("case:state.nobody-on-call", { specialty });
    case "nobody-reachable":
      return t("case:state.nobody-reachable");
    case "everyone-busy":
      return t("case:state.everyone-busy");
    case "coordinator":
      return t("case:state.coordinator");
    case "snoozed":
      return typeof args.until === "string" ? t("case:state.snoozed", { name, time: when(args.until) }) : t("case:state.queued");
    default:
      return t("case:state.queued");
  }
}
