/** What went wrong, as a sentence for the person who sees it. */
import { ApiError } from "./api";
import { known, t } from "./i18n.svelte";

/** The catalogue's sentence for the code, else the server's own words, else an honest general one. */
export function problemText(error: unknown): string {
  if (!(error instanceof ApiError)) return t("problem.unexpected");
  const key = `problem.${error.code}`;
  const values: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(error.extra)) {
    if (typeof value === "string" || typeof value === "number") values[name] = value;
  }
  if (known(key)) return t(key, values);
  return error.detail || t("problem.unexpected");
}

/** The server's complaint about one field, or an empty string. */
export function fieldText(error: unknown, field: string): string {
  if (!(error instanceof ApiError)) return "";
  return error.fields.find((each) => each.field === field)?.message ?? "";
}
