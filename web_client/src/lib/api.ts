/** Calls to the server's JSON interface: typed answers, problems as {@link ApiError}, safe repetition. */

export interface FieldProblem {
  /** Dotted path of the field, such as `patient.age`. */
  field: string;
  code: string;
  message: string;
}

/** A request that did not succeed. `code` is the server's, or ours: `offline`, `timeout`, `unreadable`. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    readonly detail = "",
    readonly fields: FieldProblem[] = [],
    /** Whatever else the problem told, such as `by` of `taken` or `retry_after_s` of a lock-out. */
    readonly extra: Record<string, unknown> = {},
  ) {
    super(detail || code);
    this.name = "ApiError";
  }
}

export interface CallOptions {
  signal?: AbortSignal;
  /** Sent as Idempotency-Key: the server carries out a repeated request once, so it may be repeated here too. */
  key?: string;
  /** Delivered even when the page is closed the next moment. For small bodies: all such requests of a page share 64 KiB. */
  keepalive?: boolean;
}

const TIMEOUT = 20_000;
const PAUSES = [300, 1_200];
const listeners = new Set<() => void>();

/** Hear that the server no longer knows this session; returns the way to stop. */
export function onSignedOut(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Read a refusal. RFC 9457 problem details where the server gave them, else the bare status. */
export async function problem(response: Response): Promise<ApiError> {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = await response.json();
    if (typeof parsed === "object" && parsed !== null) body = parsed as Record<string, unknown>;
  } catch {
    // A proxy's HTML page, say: the status is all there is.
  }
  const { code, detail, title, errors, type: _type, status: _status, ...extra } = body;
  const after = Number(response.headers.get("Retry-After"));
  if (Number.isFinite(after) && after > 0 && extra.retry_after_s === undefined) extra.retry_after_s = after;
  return new ApiError(
    typeof code === "string" ? code : `http-${response.status}`,
    response.status,
    typeof detail === "string" && detail ? detail : typeof title === "string" ? title : "",
    Array.isArray(errors) ? (errors as FieldProblem[]) : [],
    extra,
  );
}

async function once<T>(method: string, path: string, body: unknown, options: CallOptions): Promise<T> {
  const headers: Record<string, string> = {
    Accept: "application/json",
    "Accept-Language": document.documentElement.lang || "en",
  };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (options.key) headers["Idempotency-Key"] = options.key;
  const limit = AbortSignal.timeout(TIMEOUT);
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: options.signal ? AbortSignal.any([options.signal, limit]) : limit,
      credentials: "same-origin",
      keepalive: options.keepalive ?? false,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(limit.aborted ? "timeout" : "offline", 0);
  }
  if (!response.ok) {
    const refusal = await problem(response);
    if (refusal.status === 401 && refusal.code === "signed-out") for (const listener of listeners) listener();
    throw refusal;
  }
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError("unreadable", response.status);
  }
}

/** Whether the same call may succeed a moment later. */
function passing(error: unknown): boolean {
  return error instanceof ApiError && (error.code === "offline" || [502, 503, 504].includes(error.status));
}

async function call<T>(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
  const repeatable = method === "GET" || options.key !== undefined;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await once<T>(method, path, body, options);
    } catch (error) {
      const pause = PAUSES[attempt];
      if (!repeatable || pause === undefined || !passing(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

export const api = {
  get: <T>(path: string, options?: CallOptions): Promise<T> => call("GET", path, undefined, options),
  post: <T>(path: string, body: unknown = {}, options?: CallOptions): Promise<T> => call("POST", path, body, options),
  patch: <T>(path: string, body: unknown, options?: CallOptions): Promise<T> => call("PATCH", path, body, options),
  put: <T>(path: string, body: unknown, options?: CallOptions): Promise<T> => call("PUT", path, body, options),
  delete: <T = void>(path: string, options?: CallOptions): Promise<T> => call("DELETE", path, undefined, options),
};

/** A key under which a request is carried out once, however often it is sent. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
