import { afterAll, describe, expect, test } from "bun:test";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { createContact, getContact, searchContacts } from "../testing/api/contacts.ts";
import { openClients } from "../testing/clients/all.ts";
import { connectClient } from "../testing/clients/connect.ts";
import { startServices } from "../testing/services.ts";

// Every protocol of the contract over every version of HTTP that it goes over, on the one port.

const services = await startServices();
const { admin } = await services.newTenant();
const token = admin.accessToken;

const clients = [
  ...openClients(services),
  ...(["1.1", "2"] as const).flatMap((httpVersion) => [
    connectClient(`Connect, JSON over HTTP/${httpVersion} of Node`, services, (baseUrl) =>
      createConnectTransport({ baseUrl, httpVersion, useBinaryFormat: false }),
    ),
    connectClient(`Connect, binary over HTTP/${httpVersion} of Node`, services, (baseUrl) =>
      createConnectTransport({ baseUrl, httpVersion, useBinaryFormat: true }),
    ),
    connectClient(`Connect over HTTP/${httpVersion}, reading by GET`, services, (baseUrl) =>
      createConnectTransport({ baseUrl, httpVersion, useHttpGet: true }),
    ),
    connectClient(`gRPC-Web over HTTP/${httpVersion} of Node`, services, (baseUrl) =>
      createGrpcWebTransport({ baseUrl, httpVersion }),
    ),
  ]),
];

afterAll(async () => {
  for (const client of clients) client.close();
  await services.stop();
});

describe.each(clients.map((client) => [client.name, client] as const))("%s", (name, client) => {
  test("adds a contact, finds it, and reads it", async () => {
    const lastName = `Z${Bun.hash(name).toString(36)}`;
    const made = await client.call(createContact, { contact: { lastName } }, { token });
    if (!made.ok) throw new Error(JSON.stringify(made));
    const found = await client.call(searchContacts, { q: lastName.slice(0, -1) }, { token });
    expect(found).toMatchObject({ value: { items: [{ id: made.value.id, lastName }] } });
    const got = await client.call(getContact, { id: made.value.id }, { token });
    expect(got).toMatchObject({ ok: true, value: made.value });
  });
});

const curl = Bun.which("curl");

describe.skipIf(curl === null)("curl", () => {
  test.each([
    ["--http1.1", "HTTP/1.1 200"],
    ["--http2-prior-knowledge", "HTTP/2 200"],
  ])("%s", async (version, status) => {
    for (const url of [services.userUrl, services.crmUrl]) {
      const child = Bun.spawn([curl ?? "", "-sS", "-i", version, `${url}/health`]);
      const answer = await new Response(child.stdout).text();
      expect(answer).toStartWith(status);
      expect(answer).toEndWith('{"status":"ok"}');
    }
  });
});
