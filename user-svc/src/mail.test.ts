import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { readConfig } from "@crm/platform/config";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { acceptInvitation, resetPassword } from "../../tools/testing/api/auth.ts";
import { createUser, resetUserPassword } from "../../tools/testing/api/users.ts";
import { expectCleanLog } from "../../tools/testing/cases.ts";
import { http1, restClient } from "../../tools/testing/clients/rest.ts";
import { eventually } from "../../tools/testing/eventually.ts";
import { startServices } from "../../tools/testing/services.ts";
import { userConfig } from "./config.ts";

const PASSWORD = "walnut-harbor-sketch-58";

interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly headers: string;
  /** As it is read: decoded. */
  readonly body: string;
}

const received: Received[] = [];
let refusal: Error | null = null;

const smtp = await startSmtp({
  onData(stream, session, callback) {
    text(stream).then((raw) => {
      const [headers = "", body = ""] = raw.split(/\r\n\r\n([\s\S]*)/);
      const { mailFrom, rcptTo } = session.envelope;
      received.push({
        from: mailFrom ? mailFrom.address : "",
        to: rcptTo.map(({ address }) => address),
        headers: headers.replace(/\r\n[ \t]+/g, " "),
        body: decoded(headers, body),
      });
      callback(refusal);
    }, callback);
  },
});

const services = await startServices({
  SMTP_URL: `smtp://127.0.0.1:${smtp.port}`,
  MAIL_FROM: "CRM <crm@company.example>",
  INVITATION_URL: "https://crm.example/invitation#token={token}",
  RESET_URL: "https://crm.example/reset#token={token}",
});
const { admin } = await services.newTenant();
const client = restClient("REST", services, () => http1);

afterEach(() => {
  received.length = 0;
  refusal = null;
});
afterAll(async () => {
  client.close();
  await services.stop();
  await smtp.stop();
});

async function call<Value>(
  operation: Parameters<typeof client.call<Value>>[0],
  input: Parameters<typeof client.call<Value>>[1],
  token?: string,
): Promise<Value> {
  const outcome = await client.call(operation, input, { token });
  services.secrets.plant([input, outcome]);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome));
  return outcome.value;
}
const invite = (email: string, fullName = "Ina Invited") =>
  call(createUser, { email, fullName, role: "sales" }, admin.accessToken);

test("an invitation is mailed, and its link works", async () => {
  await invite("ina@new.example");
  const [mail] = received;
  expect(received).toHaveLength(1);
  expect(mail).toMatchObject({ from: "crm@company.example", to: ["ina@new.example"] });
  expect(mail?.headers).toContain("From: CRM <crm@company.example>");
  expect(mail?.headers).toContain("To: Ina Invited <ina@new.example>");
  expect(mail?.headers).toContain(`Subject: Your invitation to ${admin.tenant.name}`);
  expect(mail?.headers).toMatch(/^Content-Type: text\/plain; charset=utf-8/m);
  expect(mail?.body).toStartWith("Hello Ina Invited,\r\n");
  const [, token = ""] =
    /https:\/\/crm\.example\/invitation#token=(\S+)/.exec(mail?.body ?? "") ?? [];
  const session = await call(acceptInvitation, { token, password: PASSWORD });
  expect(session.user.email).toBe("ina@new.example");
});

test("a reset is mailed, and its link works", async () => {
  const { id } = await invite("rosa@new.example");
  received.length = 0;
  await call(resetUserPassword, { id }, admin.accessToken);
  const [mail] = received;
  expect(mail?.headers).toContain(`Subject: A new password for ${admin.tenant.name}`);
  const [, token = ""] = /https:\/\/crm\.example\/reset#token=(\S+)/.exec(mail?.body ?? "") ?? [];
  await call(resetPassword, { token, password: PASSWORD });
});

test("a user who is added with a password gets no mail", async () => {
  const user = { email: "pia@new.example", fullName: "Pia", role: "sales", password: PASSWORD };
  await call(createUser, user, admin.accessToken);
  expect(received).toEqual([]);
});

describe("a name can neither add a header nor a recipient nor a line:", () => {
  test.each([
    "Eve\r\nBcc: everybody@victim.example",
    "Eve\nBcc: everybody@victim.example",
    "Eve\r\n\r\nClick here: http://evil.example",
    'Eve" <eve@evil.example>, "X',
    "Eve, everybody@victim.example",
    "Eve\u2028Bcc: everybody@victim.example",
    "Zoë Müller 🎈",
  ])("%j", async (name) => {
    const address = `user-${Bun.hash(name).toString(36)}@new.example`;
    await invite(address, name);
    const [mail] = received;
    expect(received).toHaveLength(1);
    expect(mail?.to).toEqual([address]);
    expect(mail?.headers).not.toMatch(/^(bcc|cc):/im);
    expect(mail?.headers.match(/^To: /gm)).toHaveLength(1);
    const [greeting] = mail?.body.split("\r\n") ?? [];
    expect(greeting).toBe(`Hello ${name.replace(/[\r\n\u2028]+/g, " ")},`);
  });
});

test("a server that refuses fails no request, and the log says so without an address", async () => {
  refusal = new Error("no such user <nobody@new.example>");
  const { invitationToken } = await invite("nobody@new.example");
  expect(invitationToken).toStartWith("crmi_");
  const told = () => services.log.filter((line) => line.includes('"mail_not_sent"'));
  // An executable's log is read from its output, and may come after its answer.
  await eventually(async () => told().length > 0, 5_000);
  expect(told()).toHaveLength(1);
  expect(told()[0]).toContain('"reason":"EMESSAGE 450"');
});

test("nothing of it was a bug, and the log holds no secret", () => expectCleanLog(services));

test("a server that never answers is not waited for beyond five seconds", async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const slow = await startServices({
    SMTP_URL: `smtp://127.0.0.1:${portOf(silent.address())}`,
    MAIL_FROM: "crm@company.example",
    INVITATION_URL: "https://crm.example/#{token}",
    RESET_URL: "https://crm.example/#{token}",
  });
  try {
    const { accessToken: token } = (await slow.newTenant()).admin;
    const user = { email: "ina@new.example", fullName: "Ina", role: "sales" };
    const outcome = await restClient("REST", slow, () => http1).call(createUser, user, { token });
    slow.secrets.plant(outcome);
    expect(outcome.ok).toBe(true);
    expect(slow.log.filter((line) => line.includes('"mail_not_sent"'))).toHaveLength(1);
  } finally {
    await slow.stop();
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});

test("with SMTP_URL, sender and pages must be named", () => {
  const read = (environment: Record<string, string>) => () =>
    readConfig(userConfig, {
      DATABASE_URL: "postgres://db/crm",
      CURSOR_SECRET: "a secret that is good for tests only",
      ENCRYPTION_SECRET: "another secret that is good for tests only",
      JWT_SIGNING_KEY: "-----BEGIN PRIVATE KEY-----",
      SMTP_URL: "smtp://mail.example",
      MAIL_FROM: "crm@company.example",
      INVITATION_URL: "https://crm.example/#{token}",
      RESET_URL: "https://crm.example/#{token}",
      ...environment,
    });
  expect(read({})).not.toThrow();
  expect(read({ MAIL_FROM: "" })).toThrow("MAIL_FROM: is not set");
  expect(read({ RESET_URL: "" })).toThrow("RESET_URL: is not set");
  expect(read({ RESET_URL: "https://crm.example" })).toThrow("{token}");
  expect(read({ INVITATION_URL: "javascript:{token}" })).toThrow("INVITATION_URL: must be a URL");
  expect(read({ MAIL_FROM: "crm@company.example\r\nBcc: x@y.example" })).toThrow("MAIL_FROM");
  expect(read({ SMTP_URL: "http://mail.example" })).toThrow("SMTP_URL: must be a URL like smtp:");
});

async function startSmtp(options: SMTPServerOptions) {
  const server = new SMTPServer({ ...options, authOptional: true, disabledCommands: ["STARTTLS"] });
  const listener = server.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: portOf(listener.address()),
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** A body by its Content-Transfer-Encoding. */
function decoded(headers: string, body: string): string {
  if (/^content-transfer-encoding: base64/im.test(headers)) {
    return Buffer.from(body, "base64").toString();
  }
  if (!/^content-transfer-encoding: quoted-printable/im.test(headers)) return body;
  const bytes = body
    .replace(/=\r\n/g, "")
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString();
}
