/** A password to hash, or to compare with a hash. */
export type BcryptJob =
  | { readonly password: string; readonly cost: number }
  | { readonly password: string; readonly hash: string };

/** The hash; or whether the password is the one that was hashed. */
export type BcryptAnswer = string | boolean | Error;

/**
 * Not `Bun.password.hash`, which works in the threads that Bun has for everything: signing a token and
 * opening a connection to PostgreSQL wait there until no password is left, and hashes have as much of
 * the cores as requests have. With every core hashing, the slowest hundredth of other requests took
 * fifty times as long as else, and takes three times as long with threads of less priority.
 */
const idle: Worker[] = [];

/** Hashes a password with bcrypt in a thread. The caller bounds how many there are at once. */
export async function bcryptHash(password: string, cost: number): Promise<string> {
  return String(await work({ password, cost }));
}

/** Compares a password with a hash in a thread. Throws if that is no hash of bcrypt's. */
export async function bcryptMatches(password: string, hash: string): Promise<boolean> {
  return (await work({ password, hash })) === true;
}

async function work(job: BcryptJob): Promise<BcryptAnswer> {
  const thread = idle.pop() ?? new Worker(new URL("./bcrypt.worker.ts", import.meta.url).href);
  const { promise, resolve, reject } = Promise.withResolvers<BcryptAnswer>();
  thread.onmessage = ({ data }: MessageEvent<BcryptAnswer>) => resolve(data);
  // The thread has ended then, and another one is started in its place.
  thread.onerror = ({ message }) => reject(new Error(message));
  thread.ref();
  thread.postMessage(job);
  const answer = await promise;
  // An idle thread must not keep a process that wants to end.
  thread.unref();
  idle.push(thread);
  if (answer instanceof Error) throw answer;
  return answer;
}
