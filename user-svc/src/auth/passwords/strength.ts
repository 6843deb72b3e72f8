import { invalid, unavailable } from "@crm/platform/errors";

/** Of 0 to 4: "safely unguessable: moderate protection from offline slow-hash scenario" (zxcvbn). */
const REQUIRED_SCORE = 3;
const MAX_WAITING = 100;
/** The first answer waits half a second for the dictionaries; each takes up to 0.2 s. */
const TIMEOUT_MS = 5_000;

export interface StrengthQuestion {
  readonly id: number;
  readonly password: string;
  readonly words: readonly string[];
}

export interface StrengthAnswer {
  readonly id: number;
  /** 0 to 4. */
  readonly score: number;
  /** What makes it weak and what to do, a sentence each. */
  readonly reasons: readonly string[];
}

/**
 * Refuses a password that can be guessed (by zxcvbn), with the reason in words: throws `invalid` for
 * the field at `path`, or `unavailable` if too many are looked at. Its length must have been checked.
 *
 * @param hints what a guesser would try first: the person's name and e-mail address, the company's
 * name and slug.
 */
export async function assertStrongPassword(
  password: string,
  hints: readonly string[],
  path = "password",
): Promise<void> {
  const { score, reasons } = await ask(password, wordsOf(hints));
  if (score >= REQUIRED_SCORE) return;
  const why = reasons.length > 0 ? reasons.join(" ") : "Add more words that are less common.";
  throw invalid([{ path, code: "too_weak", message: `is too easy to guess. ${why}` }]);
}

/** Each hint as a whole, and its words: of `ada@acme.example` also `ada`, `acme`, `example`. */
function wordsOf(hints: readonly string[]): string[] {
  const parts = hints.flatMap((hint) => hint.split(/[^\p{L}\p{N}]+/u));
  return [...new Set([...hints, ...parts])].filter((word) => word.length >= 3);
}

/**
 * In a thread of its own, because it would hold all other requests up: for half a second at first, and
 * by up to 0.2 s for a password made for that. It also keeps some 100 MB of dictionaries, so it is
 * started with the first question.
 */
let worker: Worker | undefined;
let lastId = 0;
const waiting = new Map<number, (outcome: StrengthAnswer | Error) => void>();

async function ask(password: string, words: readonly string[]): Promise<StrengthAnswer> {
  if (waiting.size >= MAX_WAITING) {
    throw unavailable("Checking passwords", new Error("too many are waiting"), 5);
  }
  const id = ++lastId;
  const { promise, resolve } = Promise.withResolvers<StrengthAnswer | Error>();
  const timer = setTimeout(() => startAnew(new Error("no answer in time")), TIMEOUT_MS);
  waiting.set(id, resolve);
  worker ??= startWorker();
  worker.postMessage({ id, password, words } satisfies StrengthQuestion);
  const outcome = await promise;
  clearTimeout(timer);
  waiting.delete(id);
  if (outcome instanceof Error) throw unavailable("Checking passwords", outcome);
  return outcome;
}

function startWorker(): Worker {
  const started = new Worker(new URL("./strength.worker.ts", import.meta.url).href);
  started.onmessage = ({ data }: MessageEvent<StrengthAnswer>) => waiting.get(data.id)?.(data);
  started.onerror = ({ message }) => startAnew(new Error(message));
  // It is idle nearly always, and must not keep a process that wants to end.
  started.unref();
  return started;
}

/** Gives up the thread with all questions in it; the next one starts another. */
function startAnew(reason: Error): void {
  worker?.terminate();
  worker = undefined;
  for (const settle of waiting.values()) settle(reason);
}
