import { describe, expect, test } from "bun:test";
import { openHealth } from "./health.ts";

describe("health", () => {
  test("makes one check for all who ask at once, and another for later ones", async () => {
    let checks = 0;
    const health = openHealth(async () => {
      checks += 1;
    }, {});
    await Promise.all(Array.from({ length: 1_000 }, () => health.ready()));
    expect(checks).toBe(1);
    await Bun.sleep(600);
    await health.alive();
    expect(checks).toBe(2);
  });

  test("waits two seconds for what does not answer, and says what is away", async () => {
    const started = performance.now();
    const health = openHealth(async () => {}, {
      hung: () => new Promise(() => {}),
      refused: () => Promise.reject(Object.assign(new Error("secret"), { code: "ECONNREFUSED" })),
    });
    const { status, dependencies } = await health.ready();
    expect(performance.now() - started).toBeWithin(1_900, 10_000);
    expect(status).toBe("unavailable");
    expect(dependencies).toMatchObject({
      postgres: { ok: true },
      hung: { ok: false, reason: "unreachable" },
      refused: { ok: false, reason: "ECONNREFUSED" },
    });
    expect((await health.alive()).ok).toBe(true);
  });

  test("is not ready any more as soon as it drains", async () => {
    const health = openHealth(async () => {}, {});
    expect((await health.ready()).status).toBe("ready");
    health.drain();
    expect((await health.ready()).status).toBe("draining");
    expect((await health.alive()).ok).toBe(true);
  });
});
