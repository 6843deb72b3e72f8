import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AuthService } from "@crm/proto/user/v1/auth_pb";
import { demoContacts } from "../tools/demo/contacts.ts";
import { withClient } from "../tools/local/database.ts";
import type { Environment } from "./environment.ts";
import type { Server } from "./server.ts";

const SEED = 1;
const PASSWORD = "plum-anchor-tulip-42";

export interface Tenant {
  readonly id: string;
  /** What its admin signs in with, besides the e-mail address. */
  readonly slug: string;
  readonly password: string;
  /** Of its admin; good for a day. */
  readonly accessToken: string;
  readonly contactIds: readonly string[];
}

/** Registers a company through user-svc, and puts invented contacts into its table, all its admin's. */
export async function makeTenant(
  environment: Environment,
  userSvc: Server,
  contacts: number,
  slug = "bench",
): Promise<Tenant> {
  const transport = createConnectTransport({ baseUrl: userSvc.origin, httpVersion: "1.1" });
  const { session } = await createClient(AuthService, transport).register({
    tenant: { name: "Bench", slug },
    email: "ada@bench.example",
    password: PASSWORD,
    fullName: "Ada Bench",
  });
  if (!session?.tenant || !session.user) throw new Error("the answer to register has no session");
  const { accessToken, tenant, user } = session;
  const rows = demoContacts(contacts, SEED).map((contact) => ({
    id: Bun.randomUUIDv7(),
    ...contact,
  }));
  // By its owner, whom no policy binds: one contact after the other through the API takes minutes.
  await withClient(environment.database.ownerUrl, async (owner) => {
    await owner.query(INSERT_CONTACTS, [tenant.id, user.id, JSON.stringify(rows)]);
    await owner.query("vacuum (analyze) crm.contacts");
  });
  const contactIds = rows.map(({ id }) => id);
  return { id: tenant.id, slug, password: PASSWORD, accessToken, contactIds };
}

const INSERT_CONTACTS = `
  insert into crm.contacts (
    tenant_id, owner_user_id, contact_id, first_name, last_name, email, phone, company, title, website,
    address_street, address_city, address_postal_code, address_country, tags, source, lifecycle_stage
  )
  select $1, $2, id, "firstName", "lastName", email, phone, company, title, website,
    address->>'street', address->>'city', address->>'postalCode', address->>'country',
    tags, source, "lifecycleStage"
  from jsonb_to_recordset($3) as contacts (
    id uuid, "firstName" text, "lastName" text, email text, phone text, company text, title text,
    website text, address jsonb, tags text[], source text, "lifecycleStage" text
  )`;
