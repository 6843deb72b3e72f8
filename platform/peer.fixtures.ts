import { type CallOptions, Code, ConnectError, createClient } from "@connectrpc/connect";
import { UserService } from "@crm/proto/user/v1/user_pb";
import { scriptedUserService } from "../tools/testing/user-service.ts";
import { openLog } from "./log.ts";
import { openMetrics } from "./metrics.ts";
import { type PeerOptions, peerTransport } from "./peer.ts";

/** A peer that ends with the test. */
export async function peerAt(
  opened: AsyncDisposableStack,
  where?: Parameters<typeof scriptedUserService>[0],
) {
  const peer = await scriptedUserService(where);
  opened.defer(() => peer.stop());
  return peer;
}

/** A client of the peer at these URLs, and what can be seen of it. */
export async function peerClient(urls: readonly string[], options: Partial<PeerOptions> = {}) {
  const metrics = openMetrics();
  const log: string[] = [];
  const transport = await peerTransport({
    peer: "user-svc",
    urls,
    repeatable: [UserService.method.validateToken],
    probe: (each, bounds) => createClient(UserService, each).validateToken({ token: "" }, bounds),
    metrics,
    log: openLog("test", "info", { write: (line) => void log.push(line) }),
    ...options,
  });
  const users = createClient(UserService, transport);
  return {
    call: (token = "token", bounds?: CallOptions) => users.validateToken({ token }, bounds),
    close: () => transport.close(),
    read: (userId: string) => users.getUserPermissions({ userId }),
    /** By address: 0 closed, 1 open, 2 half open. */
    async breakers() {
      const { values } = await metrics.peerBreakers.get();
      return Object.fromEntries(values.map(({ labels, value }) => [labels.address, value]));
    },
    async retries(outcome: "made" | "withheld") {
      const { values } = await metrics.peerRetries.get();
      return values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;
    },
    /** How many calls ended, by code. */
    async calls() {
      const { values } = await metrics.peerCalls.get();
      const counts = values.filter(({ metricName }) => metricName?.endsWith("_count"));
      return Object.fromEntries(counts.map(({ labels, value }) => [labels.code, value]));
    },
    /** How often something was logged. */
    logged: (event: string) => log.filter((line) => line.includes(`"event":"${event}"`)).length,
  };
}

/** `Ok`, or the name of the code that a call fails with. */
export function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "Ok",
    (error: unknown) => Code[ConnectError.from(error).code],
  );
}

/** The codes of many calls at once, each as often as it is. */
export async function codesOf(count: number, call: (index: number) => Promise<unknown>) {
  const codes = await Promise.all(Array.from({ length: count }, (_, index) => codeOf(call(index))));
  const counts: Record<string, number> = {};
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}
