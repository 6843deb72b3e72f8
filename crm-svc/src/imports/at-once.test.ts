import { afterAll, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { withClient } from "../../../tools/local/database.ts";
import { createContact, listContacts } from "../../../tools/testing/api/contacts.ts";
import { getImport, importContacts } from "../../../tools/testing/api/imports.ts";
import { http1, restClient } from "../../../tools/testing/clients/rest.ts";
import { eventually } from "../../../tools/testing/eventually.ts";
import { startServices } from "../../../tools/testing/services.ts";

const services = await startServices();
const rest = restClient("REST", services, () => http1);

afterAll(() => services.stop());

const WITHIN_MS = 20_000;

test.each<[string, JsonObject, string]>([
  ["e-mail address", { email: "ada@once.example" }, "E-mail\nada@once.example"],
  [
    "phone and name",
    { firstName: "Ada", phone: "+49 731 123456" },
    "First name,Phone\nada,+49731123456",
  ],
  [
    "name and company",
    { firstName: "Zoë", lastName: "Lovelace", company: "Analytical" },
    "First name,Last name,Company\nZoe,Lovelace,ANALYTICAL",
  ],
])(
  "whoever is created and imported at once, with the same %s, is there once",
  async (_what, contact, file) => {
    const tenant = await services.newTenant();
    const tenantId = tenant.admin.tenant.id;
    const token = tenant.admin.accessToken;
    await withClient(services.database.ownerUrl, async (owner) => {
      const waiting = (count: number) =>
        eventually(async () => {
          const { rowCount } = await owner.query(
            `select from pg_locks where locktype = 'advisory' and not granted
             and database = (select oid from pg_database where datname = current_database())`,
          );
          return rowCount === count;
        }, WITHIN_MS);

      // Whoever adds a contact waits for this at the end, when it has looked whether it is there.
      await owner.query("select pg_advisory_lock(crm.words_lock($1))", [tenantId]);
      const creating = rest.call(createContact, { contact }, { token });
      await waiting(1);
      const answer = await rest.call(importContacts, { file: `${file}\n` }, { token });
      if (!answer.ok) throw new Error(JSON.stringify(answer));
      await waiting(2);
      await owner.query("select pg_advisory_unlock(crm.words_lock($1))", [tenantId]);
      expect(await creating).toMatchObject({ ok: true });

      const { id } = answer.value;
      await eventually(async () => {
        const found = await rest.call(getImport, { id }, { token });
        return found.ok && found.value.status === "done";
      }, WITHIN_MS);
      expect(await rest.call(getImport, { id }, { token })).toMatchObject({
        value: { created: 0, skipped: 1 },
      });
      expect(await rest.call(listContacts, {}, { token })).toMatchObject({
        value: { items: [{ version: 1 }], nextCursor: null },
      });
    });
  },
  60_000,
);
