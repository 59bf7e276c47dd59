/** Adds a file to the case while the call goes on. */
import { api, ApiError, problem } from "../lib/api";
import type { CaseFile } from "../lib/types";

/** Large photographs over a thin line take their time. */
const UPLOAD_LIMIT = 180_000;

/** Upload and attach to the consultation. Rejects with {@link ApiError}. */
export async function addToCase(consultation: string, body: Blob, name: string, kind: "image" | "other"): Promise<CaseFile> {
  const query = new URLSearchParams(kind === "image" ? { name, kind } : { name });
  let response: Response;
  try {
    response = await fetch(`/api/files?${query}`, {
      method: "POST",
      body,
      headers: { "Content-Type": body.type || "application/octet-stream", "Accept-Language": document.documentElement.lang || "en" },
      credentials: "same-origin",
      signal: AbortSignal.timeout(UPLOAD_LIMIT),
    });
  } catch {
    throw new ApiError("offline", 0);
  }
  if (!response.ok) throw await problem(response);
  const file = (await response.json()) as CaseFile;
  await api.post(`/api/consultations/${consultation}/files`, { file: file.id });
  return file;
}
