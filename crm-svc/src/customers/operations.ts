import { notFound } from "@crm/platform/errors";
import { cutPage } from "@crm/platform/pages";
import { z } from "zod";
import { findSuccessorId } from "../contacts/queries.ts";
import { read } from "../services.ts";
import * as queries from "./queries.ts";
import { customer, customerPage, getInput, listInput } from "./schema.ts";

/** One customer; in place of one that was merged, the one that it is part of. Throws `notFound`. */
export const getCustomer = read({
  name: "customers.get",
  access: "customers:read",
  input: getInput,
  output: customer,
  async run({ db, actor, ownerOnly }, { id }) {
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const there = await queries.findCustomer(db, reach, id);
    if (there === null) throw notFound("customer");
    return there;
  },
});

const listPosition = z.tuple([z.string(), z.uuid()]);

/** The customers that all filters let through, newest first. */
export const listCustomers = read({
  name: "customers.list",
  access: "customers:read",
  input: listInput,
  output: customerPage,
  async run({ context, db, actor, ownerOnly }, { limit, cursor, ...given }) {
    const { cursors } = context.services;
    const reach = { tenantId: actor.tenantId, ownedBy: ownerOnly };
    const { contactId } = given;
    const filter = {
      ...given,
      ...(contactId !== undefined && {
        contactId: (await findSuccessorId(db, actor.tenantId, contactId)) ?? contactId,
      }),
    };
    const list = ["customers.list", reach, filter];
    const position = cursors.open(list, cursor, listPosition);
    const after = position && { createdAt: position[0], id: position[1] };
    const rows = await queries.listCustomers(db, reach, filter, limit, after);
    return cutPage(rows, limit, (last) => cursors.seal(list, [last.createdAt, last.id]));
  },
});
