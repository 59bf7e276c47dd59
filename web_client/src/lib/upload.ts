/** One file on its way to the server, with progress. */
import { ApiError } from "./api";
import type { CaseFile } from "./types";

/** What the server takes by default, in bytes: said before a long upload fails. */
export const MAX_BYTES = 50_000_000;

export interface Upload {
  done: Promise<CaseFile>;
  abort: () => void;
}

/** Send a file as it is. `kind` is "ecg" when the person says so; the server looks into the file for the rest. */
export function upload(file: Blob, name: string, kind: "ecg" | "" = "", progress: (part: number) => void = () => undefined): Upload {
  const request = new XMLHttpRequest();
  const query = new URLSearchParams({ name, ...(kind ? { kind } : {}) });
  const done = new Promise<CaseFile>((resolve, reject) => {
    if (file.size > MAX_BYTES) return reject(new ApiError("too-large", 413));
    request.open("POST", `/api/files?${query}`);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.setRequestHeader("Accept-Language", document.documentElement.lang);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => reject(new ApiError("offline", 0));
    request.onabort = () => reject(new ApiError("aborted", 0));
    request.onload = () => {
      let body: Record<string, unknown> = {};
      try {
        body = JSON.parse(request.responseText) as Record<string, unknown>;
      } catch {
        // A proxy's page: the status says enough.
      }
      if (request.status === 201 || request.status === 200) resolve(body as unknown as CaseFile);
      else reject(new ApiError(typeof body.code === "string" ? body.code : `http-${request.status}`, request.status, String(body.detail ?? "")));
    };
    request.send(file);
  });
  return { done, abort: () => request.abort() };
}
