import { z } from "zod";
import { type CrmServices, job } from "../../services.ts";
import { forgetWords, tenantsWithWords } from "./queries.ts";

/** Words that are gone through at a time, while nobody may write contacts: some milliseconds' work. */
const BATCH = 200;
const DUE_TIMEOUT_MS = 10_000;

/** Takes away, every night, the words that no contact has any more: to look them up would be in vain. */
export const forgetUnusedWords = job({
  name: "contacts.forgetWords",
  input: z.strictObject({}),
  schedule: {
    everyMinutes: 1_440,
    due: ({ database }: CrmServices) =>
      tenantsWithWords(database.outsideTenants(Date.now() + DUE_TIMEOUT_MS)),
  },
  async run({ context, change }) {
    for (let after: string | null = ""; after !== null; ) {
      context.signal.throwIfAborted();
      const last: string = after;
      after = await change(async (db) => ({
        output: await forgetWords(db, last, BATCH),
        audit: [],
      }));
    }
  },
});
