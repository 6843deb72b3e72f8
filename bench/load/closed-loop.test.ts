import { expect, test } from "bun:test";
import { closedLoop } from "./closed-loop.ts";

test("every lane has one request in flight, and the number of requests is the end", async () => {
  let inFlight = 0;
  let most = 0;
  const send = async (): Promise<void> => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    await Bun.sleep(1);
    inFlight -= 1;
  };
  const report = await closedLoop([send, send, send], { requests: 20, ms: 60_000 });
  expect(most).toBe(3);
  expect(report.requests).toBe(20);
  expect(report.p50).toBeGreaterThan(0.5);
  expect(report.p99).toBeGreaterThanOrEqual(report.p95);
  expect(report.perSecond).toBeLessThan(3_000);
});

test("the time is the end too", async () => {
  const report = await closedLoop([() => Bun.sleep(1)], { requests: 1_000_000, ms: 50 });
  expect(report.requests).toBeGreaterThan(0);
  expect(report.requests).toBeLessThan(100);
});

test("a wrong answer ends the load", async () => {
  const wrong = async (): Promise<void> => {
    throw new Error("not what was asked for");
  };
  const load = closedLoop([wrong, () => Bun.sleep(1)], { requests: 1_000, ms: 60_000 });
  await expect(load).rejects.toThrow("not what was asked for");
});
