import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { z } from "zod";
import { withClient } from "../tools/local/database.ts";
import { type TestDatabase, testDatabase } from "../tools/testing/database.ts";
import type { Actor } from "./context.ts";
import { openDatabase } from "./database.ts";
import { unauthenticated } from "./errors.ts";
import { httpHandlers } from "./http.ts";
import { inProcessStore } from "./keyvalue.ts";
import { openLimits } from "./limits.ts";
import { listen } from "./listen.ts";
import { openLog } from "./log.ts";
import { openMetrics } from "./metrics.ts";
import type { OperationServices } from "./operation.ts";
import { mountEvents, mountFile, mountUpload } from "./rest-streams.ts";
import { bindStream, bindUpload } from "./rpc-streams.ts";
import { loggedSecurityEvents } from "./security-events.ts";
import { streamOperations } from "./streams.ts";

type Services = OperationServices<unknown>;

export const PIECE_BYTES = 65_536;
export const MOST_BYTES = 1_000_000;
export const TOKEN = "tester";

/** A port with one stream and one upload behind every protocol, and what was seen of them. */
export interface StreamPort {
  readonly url: string;
  /** Pieces that the stream was asked for; how each one ended, in that order. */
  readonly pieces: () => number;
  readonly ends: readonly string[];
  /** Chunks of uploads that have come. */
  readonly chunks: () => number;
  /** How the receiving of each upload ended, and what was discarded. */
  readonly uploads: readonly string[];
  readonly log: readonly string[];
  /** From now on the token is nobody's, until that is taken back. */
  revoke(): Disposable;
  close(): Promise<void>;
}

const streamInput = z.strictObject({
  /** Endless without it. */
  count: z.coerce.number().optional(),
  failAt: z.coerce.number().optional(),
});

export async function openStreamPort(): Promise<StreamPort> {
  const files: TestDatabase = await testDatabase();
  const database = openDatabase<unknown>({
    url: files.appUrl,
    maxConnections: 2,
    onConnectionError: () => {},
  });
  const tenantId = Bun.randomUUIDv7();
  await withClient(files.ownerUrl, (owner) =>
    owner.query("insert into identity.tenants (tenant_id, slug, name) values ($1, 'a-1', 'A')", [
      tenantId,
    ]),
  );
  const lines: string[] = [];
  const log = openLog("test", "debug", { write: (line: string) => void lines.push(line) });
  const metrics = openMetrics();
  const keyValue = inProcessStore();
  let revoked = false;
  let pieces = 0;
  let chunks = 0;
  const ends: string[] = [];
  const uploads: string[] = [];

  const actor: Actor = {
    kind: "user",
    tenantId,
    userId: Bun.randomUUIDv7(),
    role: "tester",
    sessionId: Bun.randomUUIDv7(),
    permissions: new Map([["streams:use", "all"]]),
    expiresAt: Date.now() + 3_600_000,
  };
  const services: Services = {
    database,
    limits: {
      session: openLimits(keyValue.redis, metrics).local("session", { points: 1e6, seconds: 1 }),
    },
    securityEvents: loggedSecurityEvents(metrics),
    businessEvents: { tell: () => {} },
    idempotencySecret: "a secret that is good for tests only",
    async authenticate(token) {
      if (token !== TOKEN || revoked) throw unauthenticated();
      return actor;
    },
  };
  const { stream, upload } = streamOperations<unknown, Services>("crm");

  const give = stream({
    name: "streams.give",
    access: "streams:use",
    input: streamInput,
    item: z.strictObject({ piece: z.number() }),
    async *run(_scope, { count = Number.POSITIVE_INFINITY, failAt }) {
      let end = "left";
      try {
        for (let piece = 0; piece < count; piece++) {
          if (piece === failAt) throw new Error("a fault of the test's own");
          pieces++;
          yield { piece };
        }
        end = "complete";
      } catch (error) {
        end = "failed";
        throw error;
      } finally {
        ends.push(end);
      }
    },
  });

  const take = upload({
    name: "streams.take",
    access: "streams:use",
    input: z.strictObject({ note: z.string().optional() }),
    output: z.strictObject({ bytes: z.number(), sha256: z.string() }),
    maxBytes: () => MOST_BYTES,
    async receive(_scope, _input, content) {
      let end = "incomplete";
      try {
        for await (const _ of content) chunks++;
        end = "whole";
        return { bytes: content.bytes, sha256: await content.sha256() };
      } finally {
        uploads.push(end);
      }
    },
    run: async (_scope, _input, received) => ({ output: received, audit: [] }),
    discard: async () => void uploads.push("discarded"),
  });

  const { method } = ContactService;
  const handlers = httpHandlers<Services>({
    services,
    log,
    metrics,
    corsOrigins: [],
    trustedHops: 0,
    routes(app) {
      const bytes = () => new Uint8Array(PIECE_BYTES);
      mountFile(app, give, { path: "/file", type: "text/csv", fileName: "pieces.csv", bytes });
      mountEvents(app, give, { path: "/events" });
      const charsets = ["utf-8", "utf-16le", "windows-1252"];
      mountUpload(app, take, { path: "/take", types: ["text/csv"], charsets, status: 202 });
    },
    // Any methods of these kinds serve.
    bindings: [
      bindStream(method.exportContacts, give, {
        input: ({ filter }) => ({ ...(filter === undefined ? {} : { failAt: 3 }) }),
        message: () => ({ chunk: new Uint8Array(PIECE_BYTES) }),
      }),
      bindUpload(method.importContacts, take, {
        input: () => ({}),
        chunk: ({ part }) => (part.case === "chunk" ? part.value : undefined),
        output: ({ bytes }) => ({ import: { rowsTotal: bytes } }),
      }),
    ],
  });
  const listener = await listen({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, client) => handlers.fetch(request, client.address),
    http2: (request, response, client) => handlers.http2(request, response, client.address),
  });

  return {
    url: `http://127.0.0.1:${listener.port}`,
    pieces: () => pieces,
    ends,
    chunks: () => chunks,
    uploads,
    log: lines,
    revoke() {
      revoked = true;
      return {
        [Symbol.dispose]() {
          revoked = false;
        },
      };
    },
    async close() {
      await listener.close(0);
      await Promise.all([database.close(), keyValue.close()]);
      await files.drop();
    },
  };
}
