import { afterAll, expect, test } from "bun:test";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { ContactService, GetContactRequestSchema } from "@crm/proto/crm/v1/contact_pb";
import { Client as Channel, credentials, Metadata } from "@grpc/grpc-js";
import { z } from "zod";
import { session } from "../../user-svc/src/auth/schema.ts";
import { startBalancer } from "../testing/balancer.ts";
import { testDatabase } from "../testing/database.ts";
import { eventually } from "../testing/eventually.ts";
import { testRedisUrl } from "../testing/redis.ts";
import { crmEnvironment, userEnvironment } from "../testing/service-environment.ts";
import { type ServiceProcess, startProcess } from "../testing/service-process.ts";

const database = await testDatabase();
const balancer = await startBalancer();
const processes: ServiceProcess[] = [];
afterAll(async () => {
  balancer.stop();
  await Promise.all(processes.map((each) => each.signal("SIGKILL")));
  await database.drop();
});

async function start(...args: Parameters<typeof startProcess>): Promise<ServiceProcess> {
  const service = await startProcess(...args);
  processes.push(service);
  return service;
}

/** Sends one request and resolves with its status; throws if it gets no answer. */
type Ask = () => Promise<number | undefined>;

/** HTTP/1.1 on one connection, kept until its end is announced. Never tries again. */
function http1(url: URL, token: string): Ask {
  let socket: Socket | undefined;
  return async () => {
    socket ??= connectTcp(Number(url.port), url.hostname)
      .setNoDelay()
      .on("error", () => {});
    const used = socket;
    used.write(
      `GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\nauthorization: Bearer ${token}\r\n\r\n`,
    );
    let answer = "";
    const [, status, length = "x"] = await new Promise<string[]>((resolve, reject) => {
      const closed = (): void => reject(new Error(`closed after ${JSON.stringify(answer)}`));
      used.once("close", closed);
      used.on("data", (bytes) => {
        answer += bytes.toString("latin1");
        const head = /^HTTP\/1\.1 (\d+).*?^content-length: (\d+)\r\n.*?^\r\n/ims.exec(answer);
        if (head === null || answer.length < head[0].length + Number(head[2])) return;
        used.removeAllListeners("data").off("close", closed);
        resolve(head);
      });
    });
    if (/^connection: close/im.test(answer)) {
      used.end();
      socket = undefined;
    }
    return length === "x" ? undefined : Number(status);
  };
}

/** HTTP/2 on one connection, until GOAWAY. Never tries again. */
function http2(url: URL, token: string): Ask {
  let session: ClientHttp2Session | undefined;
  return async () => {
    if (session === undefined) {
      const opened = connectHttp2(url.origin);
      const forget = (): void => {
        if (session === opened) session = undefined;
      };
      opened.on("goaway", forget).on("close", forget).on("error", forget);
      session = opened;
    }
    const stream = session.request({ ":path": url.pathname, authorization: `Bearer ${token}` });
    stream.resume();
    const closed = once(stream, "close");
    const unanswered = closed.then(() => Promise.reject(new Error("closed without an answer")));
    const [headers] = await Promise.race([once(stream, "response"), unanswered]);
    await closed;
    return Number(headers[":status"]);
  };
}

/** gRPC by grpc-js, which keeps connections as it likes. */
function grpc(url: URL, token: string, id: string): Ask {
  const channel = new Channel(url.host, credentials.createInsecure(), {
    // Each its own connections: channels of one target share them else.
    "grpc.use_local_subchannel_pool": 1,
  });
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  const request = Buffer.from(
    toBinary(GetContactRequestSchema, create(GetContactRequestSchema, { id })),
  );
  const path = `/${ContactService.typeName}/GetContact`;
  const same = (bytes: Buffer): Buffer => bytes;
  return () =>
    new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + 10_000 };
      channel.makeUnaryRequest(path, same, same, request, metadata, options, (error) =>
        error ? reject(error) : resolve(200),
      );
    });
}

test.skipIf(testRedisUrl() === undefined)(
  "a rolling restart of two instances fails no request",
  async () => {
    const user = await start("user-svc", userEnvironment(database));
    const settings = { ...crmEnvironment(database, user.url), DRAIN_SECONDS: "1" };
    const instances = [await start("crm-svc", settings), await start("crm-svc", settings)];
    for (const { port } of instances) balancer.add(port);
    await eventually(async () => balancer.ready.size === 2, 20_000);

    const post = async (url: string, body: object, headers = {}) => {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(201);
      return response.json();
    };
    const registered = await post(`${user.url}/v1/auth/register`, {
      tenant: { name: "Company", slug: "company" },
      email: "ada@company.example",
      password: "tin-orbit-lemon-73",
      fullName: "Ada Admin",
    });
    const token = session.parse(registered).accessToken;
    const authorization = `Bearer ${token}`;
    const contact = { firstName: "Grace", lastName: "Hopper" };
    const created = await post(`${balancer.url}/v1/contacts`, contact, { authorization });
    const { id } = z.object({ id: z.string() }).parse(created);

    const url = new URL(`/v1/contacts/${id}`, balancer.url);
    const clients = {
      http1: () => http1(url, token),
      http2: () => http2(url, token),
      grpc: () => grpc(url, token, id),
    };
    let going = true;
    const answered: Record<string, number> = {};
    const failed: string[] = [];
    const load = Object.entries(clients).flatMap(([name, client]) =>
      Array.from({ length: 4 }, async () => {
        const ask = client();
        while (going) {
          const outcome = await ask().catch((error: unknown) => String(error));
          if (outcome === 200) answered[name] = (answered[name] ?? 0) + 1;
          else failed.push(`${name}: ${outcome}`);
        }
      }),
    );

    const stopSeconds: number[] = [];
    for (const old of instances) {
      const fresh = await start("crm-svc", settings);
      balancer.add(fresh.port);
      await eventually(async () => balancer.ready.has(fresh.port), 20_000);
      const started = performance.now();
      await old.signal("SIGTERM");
      expect(await old.ended).toBe(0);
      stopSeconds.push((performance.now() - started) / 1_000);
    }
    const before = { ...answered };
    // What is left are the new ones.
    const more = async () =>
      Object.keys(clients).every((name) => (answered[name] ?? 0) > (before[name] ?? 0) + 20);
    await eventually(more, 60_000);
    going = false;
    await Promise.all(load);

    process.stdout.write(`${JSON.stringify({ answered, failed: failed.length, stopSeconds })}\n`);
    expect(failed).toEqual([]);
    for (const seconds of stopSeconds) expect(seconds).toBeWithin(1, 25);
  },
  180_000,
);
