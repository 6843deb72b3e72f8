import { listCrmAudit } from "../../testing/api/audit.ts";
import {
  createContact,
  deleteContact,
  getContact,
  getContactFields,
  listContacts,
  restoreContact,
  searchContacts,
  setContactFields,
  undoContactChange,
  updateContact,
} from "../../testing/api/contacts.ts";
import { dismissDuplicate, getDuplicates, listDuplicates } from "../../testing/api/duplicates.ts";
import { listMerges, mergeContacts, undoMerge } from "../../testing/api/merges.ts";
import { FILE_OPERATIONS } from "./files.ts";
import type { Described, Ids } from "./inputs.ts";
import { INTERACTION_OPERATIONS } from "./interactions.ts";
import { LEAD_OPERATIONS } from "./leads.ts";
import { changedContact, type Owner, RESOURCES } from "./resources.ts";

/** Two that are not the same, for these places of an input. */
async function twoContacts(owner: Owner, ...paths: readonly [string, string]): Promise<Ids> {
  const ids = paths.map(async (path) => [path, await RESOURCES.contact(owner)] as const);
  return Object.fromEntries(await Promise.all(ids));
}

/** The operations of crm-svc. */
export const CRM_OPERATIONS: readonly Described[] = [
  {
    operation: createContact,
    needs: "contacts:create",
    input: { contact: { lastName: "{new}", ownerUserId: "{user}" } },
  },
  { operation: listContacts, needs: "contacts:read", input: {} },
  {
    operation: listContacts,
    needs: "contacts:read",
    input: { ownerUserId: "{user}" },
    filters: true,
  },
  { operation: searchContacts, needs: "contacts:read", input: { q: "{theirWord}" } },
  {
    operation: searchContacts,
    needs: "contacts:read",
    // What all first names begin with here.
    input: { q: "x", ownerUserId: "{user}" },
    filters: true,
  },
  { operation: getContact, needs: "contacts:read", input: { id: "{contact}" } },
  {
    operation: updateContact,
    needs: "contacts:update",
    input: { id: "{contact}", contact: { title: "{new}", ownerUserId: "{user}" } },
  },
  { operation: deleteContact, needs: "contacts:delete", input: { id: "{contact}" } },
  { operation: restoreContact, needs: "contacts:delete", input: { id: "{contact}" } },
  {
    operation: undoContactChange,
    needs: "contacts:update",
    input: { id: "{contact}", auditId: "{change}" },
    together: async (owner) => {
      const { id, change } = await changedContact(owner);
      return { id, auditId: change };
    },
  },

  { operation: getDuplicates, needs: "contacts:read", input: { id: "{twin}" } },
  { operation: listDuplicates, needs: "contacts:read", input: {} },
  {
    operation: dismissDuplicate,
    needs: "contacts:merge",
    input: { ids: ["{contact}", "{contact}"] },
    together: (owner) => twoContacts(owner, "ids[0]", "ids[1]"),
  },
  {
    operation: mergeContacts,
    needs: "contacts:merge",
    input: { id: "{contact}", sourceIds: ["{contact}"] },
    together: (owner) => twoContacts(owner, "id", "sourceIds[0]"),
  },
  {
    operation: undoMerge,
    needs: "contacts:merge",
    input: { id: "{merge}" },
    refusals: ["merge_undone"],
  },
  { operation: listMerges, needs: "contacts:read", input: { id: "{contact}" } },

  { operation: getContactFields, needs: "contacts:read", input: {} },
  // As they are: the other tests count on it.
  { operation: setContactFields, needs: "contacts:configure", input: { fields: [] } },

  ...FILE_OPERATIONS,
  ...INTERACTION_OPERATIONS,
  ...LEAD_OPERATIONS,

  { operation: listCrmAudit, needs: "audit:read", input: {} },
  { operation: listCrmAudit, needs: "audit:read", input: { entityId: "{contact}" }, filters: true },
  { operation: listCrmAudit, needs: "audit:read", input: { actorId: "{user}" }, filters: true },
];
