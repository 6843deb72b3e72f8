import { stale } from "@crm/platform/errors";
import { read, write } from "../services.ts";
import * as queries from "./queries.ts";
import { contactFields, getContactFieldsInput, setContactFieldsInput } from "./schema.ts";

/** The fields that the tenant has given its contacts, in their order. */
export const getContactFields = read({
  name: "contactFields.get",
  access: "contacts:read",
  input: getContactFieldsInput,
  output: contactFields,
  run: ({ db, actor }) => queries.findContactFields(db, actor.tenantId),
});

/**
 * Puts these fields in the place of all that there are. Values that contacts have are left alone: see
 * patchCustom. Throws `stale` for a version that is not current.
 */
export const setContactFields = write({
  name: "contactFields.set",
  access: "contacts:configure",
  input: setContactFieldsInput,
  output: contactFields,
  async run({ db, actor }, { fields, expectedVersion }) {
    const { tenantId } = actor;
    const before = await queries.lockContactFields(db, tenantId);
    if (expectedVersion !== undefined && expectedVersion !== before.version) {
      throw stale(before.version);
    }
    const after = { fields, version: before.version + 1 };
    if (JSON.stringify(fields) === JSON.stringify(before.fields)) {
      return { output: before, audit: [] };
    }
    await queries.updateContactFields(db, tenantId, after);
    return {
      output: after,
      audit: {
        entity: "contactFields",
        entityId: tenantId,
        action: "updated",
        before: { fields: before.fields },
        after: { fields },
      },
    };
  },
});
