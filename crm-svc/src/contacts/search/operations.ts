import { cutPage } from "@crm/platform/pages";
import { z } from "zod";
import { read } from "../../services.ts";
import { filterJson } from "../filters.ts";
import { searchKind } from "./kinds.ts";
import { contactHitPage, searchInput } from "./schema.ts";
import { searchInStages } from "./stages.ts";
import { scoreOf } from "./tiers.rules.ts";
import { directFits, takeApart } from "./typed.rules.ts";

const searchPosition = z.tuple([z.number(), z.number(), z.number(), z.uuid()]);

/**
 * The contacts that have all the words of a query, best first: a whole word before its beginning, that
 * before a piece of it, and that before one that is spelled similarly; a name before company and e-mail
 * address, and those before all else; of equals, the newest first.
 */
export const searchContacts = read({
  name: "contacts.search",
  access: "contacts:read",
  input: searchInput,
  output: contactHitPage,
  async run({ context, db, actor, ownerOnly }, { q, limit, cursor, ...given }) {
    const { tenantId } = actor;
    const { cursors, measures } = context.services;
    const typed = takeApart(q);
    const filter = await filterJson(db, { tenantId, ownedBy: ownerOnly }, given);
    // The length, since versions that run beside this one, or ran before, have other positions.
    const list = ["contacts.search", searchPosition.def.items.length, tenantId, typed, filter];
    const position = cursors.open(list, cursor, searchPosition);
    const after = position && {
      best: position[0],
      from: position[1],
      rank: position[2],
      id: position[3],
    };
    const request = { tenantId, typed, filter, most: limit + 1, after };
    const measured = measures.searches.startTimer({ kind: searchKind(typed) });
    const { found, best, phones, reached } = await searchInStages(db, request);
    measured({ stage: reached });
    const page = cutPage(found, limit, ({ from, rank, contact: { id } }) =>
      cursors.seal(list, [best ?? rank, from, rank, id]),
    );
    return {
      ...page,
      items: page.items.map(({ contact, rank, matched }) => ({
        ...contact,
        score: scoreOf(rank),
        matched: directFits(contact, typed, phones, matched),
      })),
    };
  },
});
