import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { listen } from "@crm/platform/listen";
import { ValidateTokenResponseSchema } from "@crm/proto/user/v1/user_pb";

// A user-svc that takes every token for another admin's, without looking at it: each answer is a new
// session of a new user, who may do as much as an admin may.

const RESOURCES = ["contacts", "interactions", "leads", "users", "roles", "apiKeys", "tenant"];
const permissions = RESOURCES.flatMap((resource) =>
  ["create", "read", "update", "delete", "export"].map((action) => ({
    resource,
    action,
    scope: "all",
  })),
);

function answer(): Buffer {
  const message = toBinary(
    ValidateTokenResponseSchema,
    create(ValidateTokenResponseSchema, {
      kind: "user",
      userId: Bun.randomUUIDv7(),
      tenantId: Bun.randomUUIDv7(),
      sessionId: Bun.randomUUIDv7(),
      role: "admin",
      permissions,
      expiresAt: timestampFromMs(Date.now() + 900_000),
    }),
  );
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

await listen({
  port: Number(process.env["PORT"]),
  hostname: "127.0.0.1",
  fetch: () => new Response("ready"),
  http2(request, response) {
    request.resume();
    response.writeHead(200, { "content-type": "application/grpc" });
    response.addTrailers({ "grpc-status": "0" });
    response.end(answer());
  },
});
