import { heapStats } from "bun:jsc";
import { openDatabase } from "@crm/platform/database";
import { Failure } from "@crm/platform/errors";
import { identityClient } from "@crm/platform/identity";
import { inProcessStore } from "@crm/platform/keyvalue";
import { openLimits } from "@crm/platform/limits";
import { openLog } from "@crm/platform/log";
import { openMetrics } from "@crm/platform/metrics";
import { requestContext, requestOrigin } from "@crm/platform/request";
import { rememberedTokens } from "../../user-svc/src/credentials/verified.ts";
import { rememberedPermissions } from "../../user-svc/src/roles/remembered.ts";
import type { DB } from "../../user-svc/src/tables.gen.ts";
import type { SessionCache } from "../sessions.ts";

// One cache in a process of its own, which ever more sessions use: tells, as a list, how many bytes of
// its heap are held for them after each of these numbers.

const AT_ONCE = 16;
const PAUSE_MS = 100;
/** Far below their lifetimes, so that nothing is forgotten for its age. */
const TIMEOUT_MS = 10_000;
const { USER_SVC_URL = "", DATABASE_URL = "" } = process.env;
const [cache = "", ...counts] = process.argv.slice(2);

/** Has one more session use the cache. */
type Use = (session: number) => Promise<unknown>;

const log = openLog("bench", "silent");
const metrics = openMetrics();

const caches: Record<SessionCache, () => Promise<Use>> = {
  async identities() {
    const client = await identityClient({
      urls: [USER_SVC_URL],
      keyValue: inProcessStore(),
      metrics,
      log,
    });
    const origin = requestOrigin(new Headers(), "127.0.0.1", 0);
    const { signal } = new AbortController();
    return (session) => {
      const deadline = Date.now() + TIMEOUT_MS;
      const context = requestContext(origin, { services: null, log, deadline, signal });
      return client.authenticate(tokenOf(session), context);
    };
  },
  async tokens() {
    const verify = rememberedTokens(async () => ({
      userId: Bun.randomUUIDv7(),
      tenantId: Bun.randomUUIDv7(),
      sessionId: Bun.randomUUIDv7(),
      role: "admin",
      expiresAt: Date.now() + 900_000,
    }));
    return (session) => verify(tokenOf(session));
  },
  async permissions() {
    const onConnectionError = (error: Error): void => void log.error(error);
    const database = openDatabase<DB>({ url: DATABASE_URL, maxConnections: 10, onConnectionError });
    const permissionsOf = rememberedPermissions();
    return () => {
      const tenantId = Bun.randomUUIDv7();
      const db = database.sharedReader({ tenantId, deadline: Date.now() + TIMEOUT_MS });
      return permissionsOf(db, { tenantId, role: "admin", rulesVersion: 1 });
    };
  },
  async limit() {
    // All of them within the window, however slow the machine.
    const rate = { points: 1_000, seconds: 600 };
    const session = openLimits(undefined, metrics).local("session", rate);
    return () => session.run(Bun.randomUUIDv7(), async () => undefined);
  },
};

/** As long as an access token. */
function tokenOf(session: number): string {
  return `${session}.${"x".repeat(700)}`;
}

function heldBytes(): number {
  Bun.gc(true);
  const { heapSize, extraMemorySize } = heapStats();
  return heapSize + extraMemorySize;
}

/** On a machine with much else to do some calls are too late, and then the next ones are not made. */
async function useInTheEnd(session: number): Promise<void> {
  for (;;) {
    try {
      await use(session);
      return;
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== "unavailable") throw error;
      await Bun.sleep(PAUSE_MS);
    }
  }
}

const use = await caches[cache as SessionCache]();
// Compiled code and connections are there after it; they are not held for sessions.
await Promise.all(Array.from({ length: AT_ONCE }, (_, lane) => useInTheEnd(-lane)));
const before = heldBytes();
const held: number[] = [];
let sessions = 0;
for (const count of counts.map(Number)) {
  const lane = async (): Promise<void> => {
    while (sessions < count) await useInTheEnd(sessions++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  held.push(heldBytes() - before);
}
process.stdout.write(JSON.stringify(held));
process.exit();
