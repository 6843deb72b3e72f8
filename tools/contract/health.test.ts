import { afterAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Client as Channel, credentials, type ServiceError } from "@grpc/grpc-js";
import { loadSync, type MethodDefinition } from "@grpc/proto-loader";
import { withClient } from "../local/database.ts";
import { testDatabase } from "../testing/database.ts";
import { eventually } from "../testing/eventually.ts";
import { userEnvironment } from "../testing/service-environment.ts";
import { startProcess } from "../testing/service-process.ts";

const types = loadSync(
  [
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
  ],
  { enums: String, includeDirs: [join(import.meta.dir, "../../proto")] },
);
const database = await testDatabase();
const service = await startProcess("user-svc", {
  ...userEnvironment(database),
  DRAIN_SECONDS: "1",
});
const channel = new Channel(new URL(service.url).host, credentials.createInsecure());
afterAll(async () => {
  channel.close();
  await service.signal("SIGKILL");
  await database.drop();
});

/** Debian's, for which python3-grpcio is. */
const PYTHON = "/usr/bin/python3";
const grpcio =
  existsSync(PYTHON) && Bun.spawnSync([PYTHON, "-c", "import grpc"], { stderr: "ignore" }).success;
const SERVICES = ["user.v1.AuthService", "user.v1.UserService"];

function methodOf(path: string): MethodDefinition<object, object> {
  const [name = "", method = ""] = path.split("/");
  const definition = types[name]?.[method as never];
  if (definition === undefined) throw new Error(`${path} is not in the .proto files`);
  return definition;
}

async function call(path: string, request: object): Promise<object> {
  const { requestSerialize, responseDeserialize, path: wire } = methodOf(path);
  return new Promise((resolve, reject) => {
    channel.makeUnaryRequest(
      wire,
      requestSerialize,
      responseDeserialize,
      request,
      { deadline: Date.now() + 10_000 },
      (error, answer) => (answer ? resolve(answer) : reject(error)),
    );
  });
}

/** Asks a bidirectional method these things, in turn, and resolves with its answers. */
async function converse(path: string, requests: readonly object[]): Promise<object[]> {
  const { requestSerialize, responseDeserialize, path: wire } = methodOf(path);
  const stream = channel.makeBidiStreamRequest(wire, requestSerialize, responseDeserialize, {
    deadline: Date.now() + 10_000,
  });
  for (const request of requests) stream.write(request);
  stream.end();
  return Array.fromAsync(stream);
}

describe("gRPC health", () => {
  const check = (service: string) => call("grpc.health.v1.Health/Check", { service });

  test("tells of the whole, and of each service", async () => {
    for (const name of ["", ...SERVICES]) expect(await check(name)).toEqual({ status: "SERVING" });
    expect(await call("grpc.health.v1.Health/List", {})).toMatchObject({
      statuses: { "": { status: "SERVING" }, [SERVICES[0] ?? ""]: { status: "SERVING" } },
    });
    const unknown: unknown = await check("crm.v1.NoSuchService").catch((error: unknown) => error);
    expect(unknown).toMatchObject({ code: 5 });
  });

  test.skipIf(!grpcio)("is answered to Python's grpcio", async () => {
    const script = `
import grpc
with grpc.insecure_channel("${new URL(service.url).host}") as channel:
    print(channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10).hex())
    ask = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    print([b"user.v1.AuthService" in answer for answer in ask(iter([b"\\x3a\\x00"]), timeout=10)])
`;
    const { stdout } = Bun.spawnSync([PYTHON, "-c", script], { stderr: "inherit" });
    expect(stdout.toString()).toBe("0801\n[True]\n");
  });
});

describe("server reflection", () => {
  for (const version of ["v1", "v1alpha"]) {
    const path = `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;

    test(`${version} lists the services, and has all files of each`, async () => {
      const [list] = await converse(path, [{ listServices: "" }]);
      expect(list).toMatchObject({
        listServicesResponse: {
          service: expect.arrayContaining(SERVICES.map((name) => ({ name }))),
        },
      });
      for (const fileContainingSymbol of [...SERVICES, "user.v1.AuthService.Login"]) {
        const [answer] = await converse(path, [{ fileContainingSymbol }]);
        const { fileDescriptorResponse } = answer as {
          fileDescriptorResponse: { fileDescriptorProto: Buffer[] };
        };
        const file = fileDescriptorResponse.fileDescriptorProto.map((bytes) =>
          fromBinary(FileDescriptorProtoSchema, bytes),
        );
        const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
        const name = fileContainingSymbol.replace(".Login", "");
        expect(registry.getService(name)?.methods).not.toBeEmpty();
      }
    });

    test(`${version} says what it does not know, and goes on`, async () => {
      const answers = await converse(path, [
        { fileByFilename: "no/such.proto" },
        { fileContainingSymbol: "no.Such" },
        { allExtensionNumbersOfType: "user.v1.User" },
        { fileByFilename: "user/v1/user.proto" },
      ]);
      expect(answers).toMatchObject([
        { errorResponse: { errorCode: 5 } },
        { errorResponse: { errorCode: 5 } },
        { allExtensionNumbersResponse: { baseTypeName: "user.v1.User" } },
        { fileDescriptorResponse: {} },
      ]);
    });
  }
});

describe("a service", () => {
  test("is not ready while a migration has not run, and alive", async () => {
    const ready = async () => (await fetch(`${service.url}/ready`)).json();
    await withClient(database.ownerUrl, async (owner) => {
      const name = "001_tenants_and_users";
      const { rows } = await owner.query(
        "DELETE FROM identity.migrations WHERE name = $1 RETURNING timestamp",
        [name],
      );
      const reason = `missing: identity ${name}`;
      await eventually(
        async () =>
          Bun.deepMatch(
            { status: "unavailable", dependencies: { migrations: { ok: false, reason } } },
            await ready(),
          ),
        10_000,
      );
      expect((await fetch(`${service.url}/health`)).status).toBe(200);
      await owner.query("INSERT INTO identity.migrations (name, timestamp) VALUES ($1, $2)", [
        name,
        rows[0]?.timestamp,
      ]);
      await eventually(async () => Bun.deepMatch({ status: "ready" }, await ready()), 10_000);
    });
  });

  test("tells who watches that it stops, and ends with 0", async () => {
    const { requestSerialize, responseDeserialize, path } = methodOf("grpc.health.v1.Health/Watch");
    const watch = (service: string) =>
      channel.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service });
    const told: object[] = [];
    const stream = watch("");
    const ended = new Promise<ServiceError>((resolve) => stream.once("error", resolve));
    stream.on("data", (message: object) => told.push(message));
    const unknown = watch("crm.v1.NoSuchService");
    const [first] = await new Promise<object[]>((resolve) => {
      unknown.once("data", (message: object) => resolve([message]));
      unknown.once("error", () => {});
    });
    expect(first).toEqual({ status: "SERVICE_UNKNOWN" });
    unknown.cancel();
    await eventually(async () => told.length === 1, 10_000);

    await service.signal("SIGTERM");
    await eventually(async () => told.length === 2, 10_000);
    expect(told).toEqual([{ status: "SERVING" }, { status: "NOT_SERVING" }]);
    expect(await (await fetch(`${service.url}/ready`)).json()).toMatchObject({
      status: "draining",
    });
    expect(await ended).toMatchObject({ code: 14 });
    expect(await service.ended).toBe(0);
    // Probes come every few seconds: neither they nor the watching are logged.
    expect(
      service.log.filter((line) => /"(?:request|call)"/.test(line) && /[hH]ealth|ready/.test(line)),
    ).toEqual([]);
  });
});
