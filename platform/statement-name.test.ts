import { expect, test } from "bun:test";
import { statementName, statementNames } from "./statement-name.ts";

test.each([
  ['select "id" from "crm"."contacts" as "contacts" where "id" = $1', "select crm.contacts"],
  ['select * from "crm"."leads" where "id" = $1 for update', "lock crm.leads"],
  ['select * from "crm"."leads" where "id" = $1 for no key update of "leads"', "lock crm.leads"],
  ['insert into "crm"."contacts" ("a") values ($1) returning "a"', "insert crm.contacts"],
  ["insert into crm.audit_log\n (a) select a from jsonb_to_recordset($1)", "insert crm.audit_log"],
  ['update "crm"."contacts" set "a" = $1 where "b" = $2', "update crm.contacts"],
  ['delete from "crm"."contacts" where "a" = $1', "delete crm.contacts"],
  ["with gone as (delete from crm.a where x returning y) select y from gone", "delete crm.a"],
  ["with some as (select y from crm.a) insert into crm.b (y) select y from some", "insert crm.b"],
  [
    'select "a" from "crm"."contacts" inner join crm.search_contacts($1) as found on true',
    "call crm.search_contacts",
  ],
  ["select case when words @@ q then 1 end from fits, crm.words_apart(x) as words", "select"],
  ["select crm.folded_words($1::text[]) as words", "call crm.folded_words"],
  ["select 1", "select"],
  ["savepoint one_row", "savepoint"],
  ["rollback to savepoint one_row", "rollback"],
  ["", "other"],
])("%s is named %s", (text, name) => {
  expect(statementName(text)).toBe(name);
});

test("of more statements than a service has, the names are bounded", () => {
  const nameOf = statementNames();
  const names = Array.from({ length: 1_000 }, (_, at) => nameOf(`select a from crm.t${at}`));
  expect(new Set(names).size).toBe(301);
  expect(names.at(-1)).toBe("other");
  expect(nameOf("select a from crm.t0")).toBe("select crm.t0");
});
