import type { JsonObject } from "@bufbuild/protobuf";
import type { Lead } from "../../crm-svc/src/leads/schema.ts";
import { createContact } from "./api/contacts.ts";
import { createLead } from "./api/leads.ts";
import type { World } from "./cases.ts";

/** A contact who is like no other. */
export async function addContact(world: World): Promise<string> {
  return (await world.get(createContact, { contact: { lastName: `Lead ${Bun.randomUUIDv7()}` } }))
    .id;
}

/** A lead, of a contact of its own if none is given. */
export async function addLead(world: World, lead: JsonObject = {}): Promise<Lead> {
  const contactId = lead["contactId"] ?? (await addContact(world));
  return world.get(createLead, { lead: { title: "L", contactId, ...lead } });
}
