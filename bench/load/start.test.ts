import { afterAll, expect, test } from "bun:test";
import { startGenerator } from "./start.ts";

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: ({ headers }) =>
    new Response("hello", { status: headers.has("authorization") ? 200 : 401 }),
});
afterAll(() => server.stop(true));

function job(headers: Record<string, string>) {
  const requests = [{ path: "/a" }, { path: "/b", body: { b: 1 } }];
  const load = { kind: "http" as const, origin: server.url.origin, requests, headers };
  return { load, concurrency: 4, bounds: { requests: 1_000, ms: 10_000 } };
}

test("a process of its own makes the load, and outlives a job that failed", async () => {
  await using generator = startGenerator();
  await expect(generator.run(job({}))).rejects.toThrow("401");
  const report = await generator.run(job({ authorization: "Bearer token" }));
  expect(report.requests).toBe(1_000);
  expect(report.perSecond).toBeGreaterThan(0);
});
