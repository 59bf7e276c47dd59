/** Who is signed in, and how signing in and out goes. */
import { api, ApiError, onSignedOut } from "./api";
import { clearDrafts } from "./draft";
import { setLanguage, type Language } from "./i18n.svelte";
import type { Me, Role } from "./types";

/** `unknown` until the server has been asked; `ended` when a session was there and is no longer. */
type State = "unknown" | "signed-in" | "signed-out" | "ended" | "unreachable";

let state = $state<State>("unknown");
let me = $state.raw<Me | null>(null);

function enter(person: Me): void {
  me = person;
  state = "signed-in";
}

export const session = {
  get state(): State {
    return state;
  },
  /** The signed-in person. Only read where somebody is signed in. */
  get me(): Me {
    if (!me) throw new Error("nobody is signed in");
    return me;
  },
  get optional(): Me | null {
    return me;
  },
  has(...roles: Role[]): boolean {
    return roles.some((role) => me?.roles.includes(role));
  },
};

/** Ask the server who we are. */
export async function resume(): Promise<void> {
  try {
    const person = await api.get<Me>("/api/session");
    await adopt(person);
    enter(person);
  } catch (error) {
    state = error instanceof ApiError && error.status === 401 ? "signed-out" : "unreachable";
  }
}

export async function signIn(username: string, password: string): Promise<void> {
  const person = await api.post<Me>("/api/session", { username, password });
  clearDrafts(person.id); // a shared machine keeps nobody else's patients
  await adopt(person);
  enter(person);
}

/** Sign out. Drafts on this device go with it. */
export async function signOut(): Promise<void> {
  await api.delete("/api/session");
  clearDrafts();
  me = null;
  state = "signed-out";
}

/** The server ended the session: say so, and keep the drafts for when the same person comes back. */
export function sessionEnded(): void {
  if (state !== "signed-in") return;
  me = null;
  state = "ended";
}

onSignedOut(sessionEnded);

async function adopt(person: Me): Promise<void> {
  if (person.language === "en" || person.language === "zh-CN") await setLanguage(person.language);
}

/** Change the language here and, when signed in, for the account. */
export async function chooseLanguage(lang: Language): Promise<void> {
  await setLanguage(lang);
  if (state !== "signed-in") return;
  await api.put("/api/session/language", { language: lang });
  if (me) me = { ...me, language: lang };
}
