import { afterAll, describe, expect, test } from "bun:test";
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { decodeJwt, decodeProtectedHeader, SignJWT } from "jose";
import { withClient } from "../../../tools/local/database.ts";
import { logout } from "../../../tools/testing/api/auth.ts";
import { listContacts } from "../../../tools/testing/api/contacts.ts";
import { validateToken } from "../../../tools/testing/api/users.ts";
import { expectCleanLog } from "../../../tools/testing/cases.ts";
import { openClients } from "../../../tools/testing/clients/all.ts";
import { grpcJsClient } from "../../../tools/testing/clients/grpc-js.ts";
import { type Http, http1, http2, refusal } from "../../../tools/testing/clients/rest.ts";
import { startServices } from "../../../tools/testing/services.ts";
import { newOpaqueToken } from "../auth/opaque-tokens.ts";

// Tokens that stand for nobody. Clients are told the same of all of them; only who asks
// ValidateToken, and so has the token already, learns which kind it is.

const services = await startServices();
const { admin, addUser } = await services.newTenant();
const stranger = (await services.newTenant()).admin;

const grpc = grpcJsClient("gRPC", services);
const overHttp2 = http2(services.crmUrl);

afterAll(async () => {
  overHttp2.close();
  grpc.close();
  await services.stop();
});

const genuine = admin.accessToken;
const claims = decodeJwt(genuine);
const header = { alg: "RS256", ...decodeProtectedHeader(genuine) };
const [head = "", body = "", signature = ""] = genuine.split(".");
const now = Math.floor(Date.now() / 1_000);

const key = createPrivateKey(services.signingKey);
const publicPem = createPublicKey(key).export({ format: "pem", type: "spki" });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });

/** A token with these claims changed; one that is undefined is left out. */
function signed(
  changes: Readonly<Record<string, unknown>>,
  headerChanges: Readonly<Record<string, unknown>> = {},
  by: KeyObject | Uint8Array = key,
): Promise<string> {
  return new SignJWT({ ...claims, ...changes })
    .setProtectedHeader({ ...header, ...headerChanges })
    .sign(by);
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");

/** The genuine claims under a header that no library would sign. */
function signedAsIs(headerChanges: Readonly<Record<string, unknown>>): string {
  const text = `${encoded({ ...header, ...headerChanges })}.${body}`;
  return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
}

const ended = (await addUser("sales")).accessToken;
await http1.send(`${services.userUrl}/v1/auth/logout`, {
  method: "POST",
  headers: { authorization: `Bearer ${ended}` },
});

const BAD: readonly (readonly [name: string, token: string, reason: string])[] = [
  ["a word", "nonsense", "malformed"],
  ["three words", "a.b.c", "malformed"],
  ["a refresh token", admin.refreshToken, "malformed"],
  ["the token of an invitation", newOpaqueToken("invitation", admin.tenant.id), "malformed"],
  ["the token of a reset", newOpaqueToken("password_reset", admin.tenant.id), "malformed"],
  ["a token without its signature", `${head}.${body}.`, "malformed"],
  ["a token without its last letters", genuine.slice(0, -4), "malformed"],
  ["a token with a letter more", `${genuine}A`, "malformed"],
  [
    "other claims under the same signature",
    `${head}.${encoded({ ...claims, role: "owner" })}.${signature}`,
    "malformed",
  ],
  [
    "another header under the same signature",
    `${encoded({ ...header, x: 1 })}.${body}.${signature}`,
    "malformed",
  ],
  ["a token of another key", await signed({}, {}, other.privateKey), "malformed"],
  ["a token of an unknown key", await signed({}, { kid: "unknown" }), "malformed"],
  ["a token of no key", await signed({}, { kid: undefined }), "malformed"],
  [
    "a token that brings its own key",
    await signed({}, { jwk: other.publicKey.export({ format: "jwk" }) }, other.privateKey),
    "malformed",
  ],
  [
    "a token that says where its key is",
    await signed(
      {},
      { jku: "http://127.0.0.1/keys", x5u: "http://127.0.0.1/key" },
      other.privateKey,
    ),
    "malformed",
  ],
  ["a token with a header that must be understood", signedAsIs({ crit: ["x"], x: 1 }), "malformed"],
  ["a token whose critical headers are none", signedAsIs({ crit: [] }), "malformed"],
  ["the algorithm none", `${encoded({ ...header, alg: "none" })}.${body}.`, "malformed"],
  [
    "HS256 with the public key for a secret",
    await signed({}, { alg: "HS256" }, Buffer.from(publicPem)),
    "malformed",
  ],
  ["PS256 by the right key", await signed({}, { alg: "PS256" }), "malformed"],
  ["RS512 by the right key", await signed({}, { alg: "RS512" }), "malformed"],
  ["a token of another type", await signed({}, { typ: "JWT" }), "malformed"],
  ["a token of no type", await signed({}, { typ: undefined }), "malformed"],
  ["a token of another issuer", await signed({ iss: "somebody" }), "malformed"],
  ["a token for another audience", await signed({ aud: "somebody" }), "malformed"],
  ["a token for nobody", await signed({ sub: "" }), "malformed"],
  ["a token that never expires", await signed({ exp: undefined }), "malformed"],
  ["a token from no time", await signed({ iat: undefined }), "malformed"],
  ["a token from the future", await signed({ iat: now + 3_600, exp: now + 7_200 }), "malformed"],
  ["a token for the future", await signed({ nbf: now + 3_600 }), "malformed"],
  ["an expired token", await signed({ iat: now - 900, exp: now - 60 }), "expired"],
  ["a token that lives too long", await signed({ iat: now - 3_600 }), "expired"],
  ["a token of another session", await signed({ sid: Bun.randomUUIDv7() }), "revoked"],
  ["a token of another user", await signed({ sub: stranger.user.id }), "revoked"],
  ["a token of another tenant", await signed({ tid: stranger.tenant.id }), "revoked"],
  ["a token of a session that has ended", ended, "revoked"],
  ["10 KB", "a".repeat(10_000), "malformed"],
];

/** What a client sees of a request with this Authorization header, over REST and without the id. */
async function told(http: Http, path: string, authorization: string | undefined) {
  const response = await http.send(path, {
    method: path.endsWith("logout") ? "POST" : "GET",
    headers: authorization === undefined ? {} : { authorization },
  });
  const requestId = response.headers.get("x-request-id") ?? "none";
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    challenge: response.headers.get("www-authenticate"),
    body: response.body.replaceAll(requestId, "the id"),
  };
}

const PLACES = [
  ["crm-svc over HTTP/1.1", http1, `${services.crmUrl}/v1/contacts`],
  ["crm-svc over HTTP/2", overHttp2, `${services.crmUrl}/v1/contacts`],
  ["user-svc", http1, `${services.userUrl}/v1/auth/logout`],
] as const;

const withoutToken = await told(http1, `${services.crmUrl}/v1/contacts`, undefined);

test("the answer without a token asks for one", () => {
  expect(withoutToken).toMatchObject({ status: 401, challenge: "Bearer" });
  expect(JSON.parse(withoutToken.body)).toMatchObject({ code: "unauthenticated", status: 401 });
});

test("the genuine token, and another that is signed like it, are good", async () => {
  for (const token of [genuine, await signed({ jti: Bun.randomUUIDv7() })]) {
    for (const [, http, url] of PLACES.slice(0, 2)) {
      expect(await told(http, url, `Bearer ${token}`)).toMatchObject({ status: 200 });
    }
  }
});

describe.each(BAD)("%s", (_, token, reason) => {
  test.each(PLACES)("is answered as no token at all by %s", async (_name, http, url) => {
    expect(await told(http, url, `Bearer ${token}`)).toEqual(withoutToken);
  });

  test("is answered as no token at all to calls", async () => {
    for (const operation of [listContacts, logout]) {
      const outcome = await grpc.call(operation, {}, { token });
      expect(outcome).toEqual(await grpc.call(operation, {}));
    }
  });

  test(`is ${reason} to who asks what it is`, async () => {
    const outcome = await grpc.call(validateToken, { token });
    expect(outcome).toMatchObject({ ok: false, status: "Unauthenticated", code: reason });
  });
});

test.each([
  ["Basic", `Basic ${Buffer.from("admin:password").toString("base64")}`],
  ["the token alone", genuine],
  ["two tokens", `Bearer ${genuine} ${genuine}`],
  ["two schemes", `Bearer ${genuine}, Basic x`],
  ["nothing behind Bearer", "Bearer"],
])("%s is answered as no token at all", async (_, authorization) => {
  for (const [, http, url] of PLACES) {
    expect(await told(http, url, authorization)).toEqual(withoutToken);
  }
});

describe("100 KB", () => {
  const token = "a".repeat(100_000);
  const clients = openClients(services);
  afterAll(() => {
    for (const client of clients) client.close();
  });

  test.each(clients.map((client) => [client.name, client] as const))(
    "are answered as no token at all to %s",
    async (name, client) => {
      // More than that no field can have over HTTP/2: see http2-server.ts.
      const length = name.includes("HTTP/1.1") ? 100_000 : 60_000;
      for (const operation of [listContacts, logout]) {
        const outcome = await client.call(operation, {}, { token: token.slice(0, length) });
        expect(outcome).toEqual(await client.call(operation, {}));
        expect(outcome).toMatchObject({ ok: false, code: "unauthenticated" });
      }
    },
  );

  test.each(PLACES.filter(([, http]) => http === http1))(
    "are answered as no token at all by %s",
    async (_, http, url) => {
      expect(await told(http, url, `Bearer ${token}`)).toEqual(withoutToken);
    },
  );

  test("end the connection over HTTP/2, and no other", async () => {
    const ended = grpc.call(listContacts, {}, { token }).then(
      () => "answered",
      () => "no answer",
    );
    expect(await ended).toBe("no answer");
    const url = `${services.crmUrl}/v1/contacts`;
    expect(await told(overHttp2, url, `Bearer ${genuine}`)).toMatchObject({ status: 200 });
    expect(await grpc.call(listContacts, {}, { token: genuine })).toMatchObject({ ok: true });
  });

  test("are malformed to who asks what they are", async () => {
    const outcome = await grpc.call(validateToken, { token });
    expect(outcome).toMatchObject({ ok: false, status: "Unauthenticated", code: "malformed" });
  });

  test("in another header change nothing, and 200 KB are too much", async () => {
    const send = (length: number) =>
      http1.send(`${services.crmUrl}/v1/contacts`, {
        method: "GET",
        headers: { authorization: `Bearer ${genuine}`, x: "x".repeat(length) },
      });
    expect((await send(100_000)).status).toBe(200);
    expect(refusal(await send(200_000))).toMatchObject({
      status: "431",
      code: "header_fields_too_large",
    });
  });
});

test("nothing of it was a bug", () => expectCleanLog(services));

// The last one, since what needs the database fails in it.
test("what is malformed or expired is refused without the database", async () => {
  await withoutDatabase(async () => {
    const needsIt = await told(http1, `${services.userUrl}/v1/auth/logout`, `Bearer ${genuine}`);
    expect(needsIt.status).toBe(503);
    for (const [, token, reason] of BAD) {
      if (reason === "revoked") continue;
      for (const [, http, url] of PLACES) {
        expect(await told(http, url, `Bearer ${token}`)).toEqual(withoutToken);
      }
      expect(await grpc.call(validateToken, { token })).toMatchObject({ code: reason });
    }
  });
});

/** Does the work while the services can have no connection to the database. */
async function withoutDatabase(work: () => Promise<void>): Promise<void> {
  const { adminUrl, appUrl } = services.database;
  const name = new URL(appUrl).pathname.slice(1);
  const allow = (allowed: boolean) =>
    withClient(adminUrl, async (client) => {
      const database = client.escapeIdentifier(name);
      await client.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS ${allowed}`);
      await client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
        [name],
      );
    });
  await allow(false);
  try {
    await work();
  } finally {
    await allow(true);
  }
}
