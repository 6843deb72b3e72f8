import { afterAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { withClient } from "../../../tools/local/database.ts";
import {
  cancelImport,
  getImport,
  importContacts,
  undoImport,
  watchImport,
} from "../../../tools/testing/api/imports.ts";
import { http1, restClient } from "../../../tools/testing/clients/rest.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { startServices } from "../../../tools/testing/services.ts";

const MAX_BYTES = 400_000;
const services = await startServices({ IMPORT_MAX_BYTES: String(MAX_BYTES) });
afterAll(() => services.stop());
const tenant = await services.newTenant();
const token = tenant.admin.accessToken;
const rest = restClient("REST", services, () => http1);

/** What there is of imports, in any state. */
async function leftBehind(): Promise<unknown> {
  return withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query(
      `select (select count(*)::int from crm.imports) as imports,
              (select count(*)::int from crm.import_batches) as batches`,
    );
    return rows[0];
  });
}

const NOTHING = { imports: 0, batches: 0 };

const unreadable: readonly (readonly [what: string, file: string, status: string, code: string])[] =
  [
    ["an empty file", "", "422", "empty_file"],
    ["headers without rows", "First name,E-mail\n", "422", "no_rows"],
    ["no column that is known", "Foo,Bar\n1,2\n", "422", "no_known_columns"],
    ["two headers alike", "E-mail,E-mail\na,b\n", "422", "duplicate_headers"],
    [
      "1,001 columns",
      `${Array.from({ length: 1_001 }, (_, at) => `c${at}`)}\n`,
      "422",
      "too_many_columns",
    ],
    [
      "a quote that never closes",
      `E-mail\n"a@x.example\n${"x\n".repeat(9_000)}`,
      "422",
      "unclosed_quote",
    ],
    [
      "a file that is too large",
      `E-mail\n${"a@x.example\n".repeat(MAX_BYTES / 10)}`,
      "413",
      "content_too_large",
    ],
  ];

for (const [what, file, status, code] of unreadable) {
  test(`${what} is refused clearly, and leaves nothing`, async () => {
    const outcome = await rest.call(importContacts, { file }, { token });
    expect(outcome).toMatchObject({ ok: false, status, code });
    expect(await leftBehind()).toEqual(NOTHING);
  });
}

test("a file in a charset that is not read is refused, and leaves nothing", async () => {
  const answer = await fetch(`${services.crmUrl}/v1/contacts/imports`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "text/csv; charset=windows-1250" },
    // Łukasz
    body: Buffer.from("First name\n\xa3ukasz\n", "latin1"),
  });
  expect(answer.status).toBe(415);
  expect(await answer.json()).toMatchObject({
    code: "unsupported_media_type",
    detail: expect.stringContaining("utf-8, utf-16le, utf-16be, windows-1252"),
  });
  expect(await leftBehind()).toEqual(NOTHING);
});

test("a client that hangs up half-way leaves nothing", async () => {
  const socket = connect({ port: Number(new URL(services.crmUrl).port), host: "127.0.0.1" });
  const line = "Someone,half-way@x.example\n";
  socket.write(
    `POST /v1/contacts/imports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Type: text/csv\r\nContent-Length: ${MAX_BYTES}\r\n\r\nFirst name,E-mail\n` +
      line.repeat(7_000),
  );
  await eventually(async () => !Bun.deepEquals(await leftBehind(), NOTHING), 20_000);
  socket.destroy();
  await eventually(async () => Bun.deepEquals(await leftBehind(), NOTHING), 20_000);
}, 50_000);

test("an upload whose user is signed out meanwhile leaves nothing", async () => {
  const { admin } = await services.newTenant();
  const authorization = `Bearer ${admin.accessToken}`;
  const { readable, writable } = new TransformStream<Uint8Array>();
  const answer = fetch(`${services.crmUrl}/v1/contacts/imports`, {
    method: "POST",
    headers: { authorization, "content-type": "text/csv" },
    body: readable,
  });
  const writer = writable.getWriter();
  const line = "Someone,signed-out@x.example\n";
  await writer.write(Buffer.from(`First name,E-mail\n${line.repeat(7_000)}`));
  await eventually(async () => !Bun.deepEquals(await leftBehind(), NOTHING), 20_000);
  const logout = { method: "POST", headers: { authorization } };
  expect((await fetch(`${services.userUrl}/v1/auth/logout`, logout)).status).toBe(204);
  await writer.close();
  expect((await answer).status).toBe(401);
  expect(await leftBehind()).toEqual(NOTHING);
}, 50_000);

test("an import that is cancelled stops, and what it had done can be undone", async () => {
  const rows = Array.from({ length: 12_000 }, (_, at) => `P${at},p${at}@cancel.example`);
  const answer = await rest.call(
    importContacts,
    { file: `First name,E-mail\n${rows.join("\n")}\n` },
    { token },
  );
  if (!answer.ok) throw new Error(JSON.stringify(answer));
  const { id } = answer.value;
  const state = async () => {
    const found = await rest.call(getImport, { id }, { token });
    if (!found.ok) throw new Error(JSON.stringify(found));
    return found.value;
  };
  await eventually(async () => (await state()).rowsRead > 0, 60_000);
  const cancelled = await rest.call(cancelImport, { id }, { token });
  if (!cancelled.ok) throw new Error(JSON.stringify(cancelled));
  const { status, rowsRead, created } = cancelled.value;
  expect(status).toBe("cancelled");
  expect(rowsRead).toBeLessThan(rows.length);
  expect(created).toBe(rowsRead);

  await rest.call(undoImport, { id }, { token });
  await rest.call(watchImport, { id }, { token });
  expect(await state()).toMatchObject({ status: "undone", rowsRead, removed: created, kept: 0 });
}, 120_000);
