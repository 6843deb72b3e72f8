const POLL_MS = 10;

/** Asks again and again until the answer is true. Throws if that takes longer than `withinMs`. */
export async function eventually(isTrue: () => Promise<boolean>, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`it did not come true within ${withinMs} ms`);
    await Bun.sleep(POLL_MS);
  }
}
