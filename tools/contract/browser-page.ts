// Runs in a browser: bundled, and loaded by the page that browser.test.ts serves.

import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { AuthService } from "@crm/proto/user/v1/auth_pb";

/** Where the services are, and a tenant that does not exist yet. */
export interface PageTask {
  readonly userUrl: string;
  readonly crmUrl: string;
  readonly slug: string;
}

/** The names of the contacts that were found, or why the call failed. */
export type PageResult = readonly string[] | { readonly failure: string };

const EMAIL = "bea@browser.example";
const PASSWORD = "browser-only-password";

const transports = { Connect: createConnectTransport, "gRPC-Web": createGrpcWebTransport };

/** Registers a tenant, signs in, adds a contact and finds it. */
async function byCalls(protocol: keyof typeof transports, task: PageTask): Promise<PageResult> {
  const open = transports[protocol];
  const auth = createClient(AuthService, open({ baseUrl: task.userUrl }));
  const contacts = createClient(ContactService, open({ baseUrl: task.crmUrl }));
  const slug = `${task.slug}-${protocol.toLowerCase()}`;
  await auth.register({
    tenant: { name: "Browser", slug },
    email: EMAIL,
    password: PASSWORD,
    fullName: "Bea Browser",
  });
  const { session } = await auth.login({ tenant: slug, email: EMAIL, password: PASSWORD });
  const headers = { authorization: `Bearer ${session?.accessToken}` };
  await contacts.createContact({ contact: { firstName: "Ada", lastName: protocol } }, { headers });
  const { items } = await contacts.searchContacts({ q: "ad" }, { headers });
  return items.map(({ contact }) => `${contact?.firstName} ${contact?.lastName}`);
}

/** The same over REST; also reads what only headers tell. */
async function byRest(task: PageTask): Promise<PageResult> {
  const slug = `${task.slug}-rest`;
  const post = (url: string, body: object, headers = {}): Promise<Response> =>
    fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  await post(`${task.userUrl}/v1/auth/register`, {
    tenant: { name: "Browser", slug },
    email: EMAIL,
    password: PASSWORD,
    fullName: "Bea Browser",
  });
  const login = { tenant: slug, email: EMAIL, password: PASSWORD };
  const signedIn = await post(`${task.userUrl}/v1/auth/login`, login);
  const { accessToken } = await bodyOf<{ accessToken: string }>(signedIn);
  const headers = { authorization: `Bearer ${accessToken}` };
  const contact = { firstName: "Ada", lastName: "REST" };
  const made = await post(`${task.crmUrl}/v1/contacts`, contact, {
    ...headers,
    "idempotency-key": "once",
  });
  const location = made.headers.get("location");
  await fetch(`${task.crmUrl}${location}`, {
    method: "PATCH",
    headers: {
      ...headers,
      "content-type": "application/json",
      "if-match": made.headers.get("etag") ?? "",
    },
    body: JSON.stringify({ lastName: "REST, changed" }),
  });
  const found = await fetch(`${task.crmUrl}/v1/contacts/search?q=ad`, { headers });
  const { items } = await bodyOf<{ items: (typeof contact)[] }>(found);
  return items.map(({ firstName, lastName }) => `${firstName} ${lastName}`);
}

async function bodyOf<Body>(response: Response): Promise<Body> {
  // As the contract says; if it is not so, the page's result is another one.
  return (await response.json()) as Body;
}

/** What the test calls, by name. */
async function callServices(task: PageTask): Promise<Record<string, PageResult>> {
  const attempt = (call: Promise<PageResult>): Promise<PageResult> =>
    call.catch((error: unknown) => ({ failure: String(error) }));
  return {
    REST: await attempt(byRest(task)),
    Connect: await attempt(byCalls("Connect", task)),
    "gRPC-Web": await attempt(byCalls("gRPC-Web", task)),
  };
}

Object.assign(globalThis, { callServices });
