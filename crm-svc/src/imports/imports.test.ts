import { expect, test } from "bun:test";
import { withClient } from "../../../tools/local/database.ts";
import {
  createContact,
  deleteContact,
  getContact,
  listContacts,
  updateContact,
} from "../../../tools/testing/api/contacts.ts";
import { exportContacts } from "../../../tools/testing/api/exports.ts";
import {
  cancelImport,
  getImport,
  getImportErrors,
  importContacts,
  listImports,
  undoImport,
  watchImport,
} from "../../../tools/testing/api/imports.ts";
import { mergeContacts } from "../../../tools/testing/api/merges.ts";
import {
  type Case,
  describeForEveryClient,
  expectRefusal,
  forbidden,
  malformed,
  notFound,
  testCases,
  unauthenticated,
} from "../../../tools/testing/cases.ts";
import { startServices } from "../../../tools/testing/services.ts";
import { csv, ended, imported, upload } from "./imports.fixtures.ts";

const NOBODYS_ID = Bun.randomUUIDv7();

const byId = [getImport, watchImport, getImportErrors, cancelImport, undoImport] as const;

const permissions: readonly Case[] = [
  ...byId.flatMap((operation): Case[] => [
    {
      name: `${operation.method.name} is for users only`,
      as: "nobody",
      operation,
      input: { id: NOBODYS_ID },
      expected: { refusal: unauthenticated },
    },
    {
      name: `${operation.method.name} is not for sales`,
      as: "sales",
      operation,
      input: { id: NOBODYS_ID },
      expected: { refusal: forbidden },
    },
    {
      name: `${operation.method.name} of an import that is not there`,
      as: "marketing",
      operation,
      input: { id: NOBODYS_ID },
      expected: { refusal: notFound },
    },
    {
      name: `${operation.method.name} refuses an id that is no UUID`,
      operation,
      input: { id: "1" },
      expected: { refusal: malformed("id invalid_format") },
    },
  ]),
  {
    name: "importContacts refuses a file without rows",
    operation: importContacts,
    input: { file: "First name\n" },
    expected: { refusal: { kind: "invalid", code: "no_rows" } },
  },
  {
    name: "listImports is for users only",
    as: "nobody",
    operation: listImports,
    input: {},
    expected: { refusal: unauthenticated },
  },
];

const services = await startServices();

await describeForEveryClient(services, (world) => {
  testCases(world, permissions);

  const people = csv(
    "Anna,Müller,anna@import.example,+49 731 123456,ACME",
    "Bob,Smith,,,Foo Ltd",
    "Carl,Doe,,+49 731 765432,",
    '"Dora, the ""first""",Roe,DORA@import.example,,',
  );

  test("a file makes contacts, and the same file again makes nothing, in either mode", async () => {
    const first = await imported(world, { file: people, fileName: "people.csv" });
    expect(first).toMatchObject({
      ...{ status: "done", mode: "skip", dryRun: false, fileName: "people.csv" },
      ...{ rowsTotal: 4, rowsRead: 4, created: 4, updated: 0, skipped: 0, failed: 0 },
      createdBy: world.tenant.admin.user.id,
    });
    for (const mode of ["skip", "update"]) {
      const again = await imported(world, { file: people, mode });
      expect(again).toMatchObject({ created: 0, updated: 0, skipped: 4, failed: 0 });
    }
    const { items } = await world.get(listContacts, { limit: 100 });
    const ours = items.filter(({ email }) => email === "dora@import.example");
    expect(ours).toMatchObject([{ firstName: 'Dora, the "first"', lastName: "Roe" }]);
    expect(await imported(world, { file: people, mode: "create" })).toMatchObject({ created: 4 });
  });

  test("update changes what is not blank, and each contact has its audit entries", async () => {
    const before = csv("Ed,Old,ed@import.example,+49 731 111222,Acme");
    await imported(world, { file: before });
    const after = csv("Edward,Old,ed@import.example,,New Ltd");
    expect(await imported(world, { file: after, mode: "update" })).toMatchObject({ updated: 1 });
    const { items } = await world.get(listContacts, { email: "ed@import.example" });
    expect(items).toMatchObject([
      { firstName: "Edward", phone: "+49731111222", company: "New Ltd", version: 2 },
    ]);
    const [contact] = items;
    const entries = await auditOf(contact?.id ?? "");
    expect(entries).toMatchObject([
      {
        action: "created",
        before: null,
        after: { email: "ed@import.example" },
        actor_id: world.tenant.admin.user.id,
      },
      {
        action: "updated",
        before: { firstName: "Ed", company: "Acme" },
        after: { firstName: "Edward", company: "New Ltd" },
      },
    ]);
  });

  test("of rows about the same contact, the first makes it and the others count on", async () => {
    const file = csv(
      "Fay,Twin,fay@import.example,,",
      "Fay,Twin,FAY@import.example,,Late Ltd",
      "Gus,Twin,,+49 731 999111,",
      "Gus,TWIN,,0049731999111,Late Ltd",
      "Hal,Twin,,,One",
      "hál,twin,,,ONE",
      "hál,twin,,,ONE",
    );
    expect(await imported(world, { file, mode: "update" })).toMatchObject({
      ...{ created: 3, updated: 3, skipped: 1, failed: 0 },
    });
    const { items } = await world.get(listContacts, { email: "fay@import.example" });
    expect(items).toMatchObject([{ company: "Late Ltd", version: 1 }]);
  });

  test("a bad row costs only itself, and the error file says what is wrong where", async () => {
    const file = csv(
      "Ida,Good,ida@import.example,,",
      "Jan,Bad,no mail,12,",
      ",,,,",
      "Kim,Short",
      '"=cmd()","x@",nul\0@import.example,,',
      `Lou,Wide,lou@import.example${",x".repeat(2_000)}`,
    );
    const done = await imported(world, { file });
    expect(done).toMatchObject({ rowsTotal: 5, rowsRead: 5, created: 1, failed: 4 });
    const errors = await world.get(getImportErrors, { id: done.id });
    expect(errors.replace("\ufeff", "").split("\r\n")).toEqual([
      "line,column,value,reason",
      "3,E-mail,no mail,must be an e-mail address",
      expect.stringMatching(/^5,,,"has 2 cells, and there are 5 headers/),
      expect.stringMatching(/^6,E-mail,nul\ufffd@import.example,must not contain the NUL/),
      expect.stringMatching(/^7,,,"has more than 1000 cells, and there are 5 headers/),
      "",
    ]);
  });

  test("a dry run tells what would happen, and changes nothing", async () => {
    const file = csv("Lea,Dry,lea@import.example,,", "Lea,Dry,lea@import.example,,", "Max,Dry,x,,");
    const dry = await imported(world, { file, dryRun: true });
    expect(dry).toMatchObject({
      ...{ status: "done", dryRun: true, created: 1, skipped: 1, failed: 1 },
      preview: [
        { line: 2, action: "create", contact: { firstName: "Lea", email: "lea@import.example" } },
        { line: 3, action: "skip" },
      ],
    });
    const { items } = await world.get(listContacts, { email: "lea@import.example" });
    expect(items).toEqual([]);
    const undone = await world.call(undoImport, { id: dry.id });
    expectRefusal(world, undone, { kind: "wrongState", code: "import_not_undoable" });
  });

  test("columns are what the mapping says", async () => {
    const file = "Foo,Email,Notes\nNora,nora@import.example,secret\n";
    const mapping = { Foo: "firstName", Notes: null };
    const done = await imported(world, { file, mapping });
    expect(done.columns).toEqual([
      { header: "Foo", field: "firstName" },
      { header: "Email", field: "email" },
      { header: "Notes", field: null },
    ]);
    const { items } = await world.get(listContacts, { email: "nora@import.example" });
    expect(items).toMatchObject([{ firstName: "Nora" }]);
  });

  test("undo takes back what the import did, and keeps what somebody has changed since", async () => {
    await imported(world, {
      file: csv("Old,Undo,old@undo.example,,A", "Kept,Undo,kept@undo.example,,A"),
    });
    const file = csv(
      "Old,Undo,old@undo.example,,B",
      "Kept,Undo,kept@undo.example,,B",
      "New,Undo,new@undo.example,,B",
      "Touched,Undo,touched@undo.example,,B",
    );
    const done = await imported(world, { file, mode: "update" }, "marketing");
    expect(done).toMatchObject({ created: 2, updated: 2 });
    const found = async (name: string) => {
      const { items } = await world.get(listContacts, { email: `${name}@undo.example` });
      return items[0];
    };
    for (const name of ["kept", "touched"]) {
      const id = (await found(name))?.id ?? "";
      await world.get(updateContact, { id, contact: { title: "By hand" } });
    }
    const made = await found("new");

    const undoing = await world.get(undoImport, { id: done.id });
    expect(undoing.status).toBe("undoing");
    const undone = await ended(world, done.id);
    expect(undone).toMatchObject({ status: "undone", removed: 1, restored: 1, kept: 2 });
    expect(await found("old")).toMatchObject({ company: "A" });
    expect(await found("kept")).toMatchObject({ company: "B", title: "By hand" });
    expect(await found("touched")).toMatchObject({ company: "B", title: "By hand" });
    expectRefusal(world, await world.call(getContact, { id: made?.id ?? "" }), notFound);
    const errors = await world.get(getImportErrors, { id: done.id });
    expect(errors.match(/was changed since the import/g)).toHaveLength(2);
    expect(await auditOf(made?.id ?? "")).toMatchObject([
      { action: "created", actor_id: done.createdBy },
      { action: "deleted", actor_id: world.tenant.admin.user.id },
    ]);

    const again = await world.call(undoImport, { id: done.id });
    expectRefusal(world, again, { kind: "wrongState", code: "import_not_undoable" });
  });

  test("an export from before a merge brings nobody back, and changes nothing", async () => {
    const company = "Merged Ltd";
    const [first, second, third] = await Promise.all(
      ["One", "Two", "Three"].map((lastName) =>
        world.get(createContact, {
          contact: { lastName, company, email: `${lastName}@merged.example`, title: lastName },
          allowDuplicate: true,
        }),
      ),
    );
    const file = await world.get(exportContacts, { filter: { company } });
    await world.get(mergeContacts, { id: second?.id ?? "", sourceIds: [first?.id ?? ""] });
    await world.get(mergeContacts, { id: third?.id ?? "", sourceIds: [second?.id ?? ""] });
    const merged = await world.get(getContact, { id: third?.id ?? "" });
    for (const mode of ["skip", "update"]) {
      const rows = { created: 0, updated: 0, skipped: 3, failed: 0 };
      expect(await imported(world, { file, mode, dryRun: true })).toMatchObject(rows);
      expect(await imported(world, { file, mode })).toMatchObject(rows);
    }
    const { items } = await world.get(listContacts, { company });
    expect(items).toEqual([merged]);

    await world.get(deleteContact, { id: merged.id });
    expect(await imported(world, { file })).toMatchObject({ created: 3, skipped: 0 });
  });

  test("an import that has ended cannot be cancelled", async () => {
    const { id } = await imported(world, { file: csv("Otto,End,otto@import.example,,") });
    const outcome = await world.call(cancelImport, { id });
    expectRefusal(world, outcome, { kind: "wrongState", code: "import_not_running" });
  });

  test("imports are listed, newest first, and are their company's alone", async () => {
    const { id } = await imported(world, { file: csv("Pia,List,pia@import.example,,") });
    const { items } = await world.get(listImports, { limit: 2 });
    expect(items[0]?.id).toBe(id);
    const page = await world.get(listImports, { limit: 1 });
    const next = await world.get(listImports, { limit: 1, cursor: page.nextCursor });
    expect(next.items[0]?.id).toBe(items[1]?.id ?? "");
    for (const operation of byId) {
      const outcome = await world.call<unknown>(operation, { id }, { as: "stranger" });
      expectRefusal(world, outcome, notFound);
    }
    expect((await world.get(listImports, {}, { as: "stranger" })).items).toEqual([]);
  });

  test("whoever may not import uploads nothing", async () => {
    const file = csv("Quin,No,quin@import.example,,");
    const outcome = await upload(world, { file }, "sales");
    expect(outcome.ok).toBe(false);
    if (world.client.canUpload) expectRefusal(world, outcome, forbidden);
  });
});

async function auditOf(contactId: string): Promise<unknown[]> {
  return withClient(services.database.ownerUrl, async (owner) => {
    const { rows } = await owner.query(
      `select action, before, after, actor_id from crm.audit_log
       where entity = 'contact' and entity_id = $1 order by audit_id`,
      [contactId],
    );
    return rows;
  });
}
