import { describe, expect, test } from "bun:test";
import { passwords } from "./bcrypt.ts";

const { hash, verify } = await passwords(4);

describe("passwords", () => {
  test("are known again by bcrypt, and no other is", async () => {
    const stored = await hash("correct horse battery");
    expect(stored).toStartWith("$2b$04$");
    expect(await verify("correct horse battery", stored)).toBe(true);
    expect(await verify("Correct horse battery", stored)).toBe(false);
  });

  test("of nobody match nothing", async () => {
    expect(await verify("anything", null)).toBe(false);
  });

  test("are not compared with a hash that would take for ever, or is none", async () => {
    const stored = await hash("correct horse battery");
    expect(await verify("correct horse battery", stored.replace("$04$", "$31$"))).toBe(false);
    expect(await verify("correct horse battery", "not a hash")).toBe(false);
  });

  test("take as long for nobody, and with a hash of old, as for somebody", async () => {
    const costly = await passwords(10);
    const stored = await costly.hash("correct horse battery");
    const old = await hash("correct horse battery");
    const time = async (against: string | null): Promise<number> => {
      const started = performance.now();
      await costly.verify("a wrong password", against);
      return performance.now() - started;
    };
    await time(stored);
    const somebody = await time(stored);
    // Of the cost of the old one alone it would be a sixty-fourth.
    expect(await time(null)).toBeGreaterThan(somebody / 4);
    expect(await time(old)).toBeGreaterThan(somebody / 4);
  });

  test("are compared again after one that could not be", async () => {
    const stored = await hash("correct horse battery");
    const damaged = verify("correct horse battery", "$2b$04$short");
    // `rejects` would wait for it without letting the thread's answer in.
    expect(await damaged.catch((error: unknown) => error)).toBeInstanceOf(Error);
    expect(await verify("correct horse battery", stored)).toBe(true);
  });

  test("are outdated if their hash is of a lower cost", async () => {
    const costlier = await passwords(5);
    const stored = await hash("correct horse battery");
    expect(costlier.isOutdated(stored)).toBe(true);
    expect(costlier.isOutdated(await costlier.hash("correct horse battery"))).toBe(false);
    expect(await costlier.verify("correct horse battery", stored)).toBe(true);
  });
});
