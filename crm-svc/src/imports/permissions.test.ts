import { expect, test } from "bun:test";
import { createApiKey } from "../../../tools/testing/api/api-keys.ts";
import { createContact, getContact } from "../../../tools/testing/api/contacts.ts";
import { undoImport } from "../../../tools/testing/api/imports.ts";
import { setRolePermissions } from "../../../tools/testing/api/users.ts";
import {
  describeForEveryClient,
  expectRefusal,
  forbidden,
  type World,
} from "../../../tools/testing/cases.ts";
import { type Session, startServices } from "../../../tools/testing/services.ts";
import { csv, ended, imported, upload } from "./imports.fixtures.ts";

const services = await startServices();

/** A new user who may do this to contacts, and nothing else. */
async function userWith(world: World, scopes: Record<string, "all" | "own">): Promise<Session> {
  const permissions = Object.entries(scopes).map(([action, scope]) => ({
    ...{ resource: "contacts", action, scope },
  }));
  await world.get(setRolePermissions, { role: "sales", permissions });
  return world.tenant.addUser("sales");
}

await describeForEveryClient(services, (world) => {
  test("what others have imported is undone by who may delete all contacts", async () => {
    const { id } = await imported(world, { file: csv("Ann,Undo,ann@undo.example,,") });
    const deletesOwn = await userWith(world, { import: "all", create: "all", delete: "own" });
    const { accessToken: marketing } = await world.sessionOf("marketing");
    for (const token of [marketing, deletesOwn.accessToken]) {
      const outcome = await world.call(undoImport, { id }, { token });
      expectRefusal(world, outcome, forbidden);
      expect(outcome).toMatchObject({ facts: { permission: "contacts:delete" } });
    }
    const { accessToken: token } = await userWith(world, { import: "all", delete: "all" });
    await world.get(undoImport, { id }, { token });
    expect(await ended(world, id)).toMatchObject({ status: "undone", removed: 1 });
  });

  test("one's own import is undone by whoever may import", async () => {
    const { id } = await imported(world, { file: csv("Ben,Undo,ben@undo.example,,") }, "marketing");
    await world.get(undoImport, { id }, { as: "marketing" });
    expect(await ended(world, id)).toMatchObject({ status: "undone", removed: 1 });
  });

  test("a program undoes an import as people do", async () => {
    const { id } = await imported(world, { file: csv("Bo,Undo,bo@undo.example,,") });
    const { key: token } = await world.get(createApiKey, { name: "undo", role: "manager" });
    await world.get(undoImport, { id }, { token });
    expect(await ended(world, id)).toMatchObject({ status: "undone", removed: 1 });
  });

  test.each([
    ["create contacts", { import: "all", update: "all" }, "skip", "contacts:create"],
    ["update contacts", { import: "all", create: "all" }, "update", "contacts:update"],
  ] as const)(
    "whoever may not %s does not by an import",
    async (_what, scopes, mode, permission) => {
      const user = await userWith(world, scopes);
      const outcome = await upload(world, { file: csv("Cy,No,cy@may.example,,"), mode }, user);
      if (world.client.canUpload) expectRefusal(world, outcome, forbidden);
      expect(outcome).toMatchObject({ ok: false, facts: { permission } });
    },
  );

  test("who may only create contacts imports new ones, and changes none", async () => {
    const user = await userWith(world, { import: "all", create: "all" });
    const file = csv("Di,New,di@may.example,,");
    expect(await imported(world, { file }, user)).toMatchObject({ created: 1 });
    expect(await imported(world, { file }, user)).toMatchObject({ created: 0, skipped: 1 });
  });

  test("who may update contacts of their own changes nobody else's by an import", async () => {
    const theirs = await world.get(createContact, { contact: { email: "ed@may.example" } });
    const user = await userWith(world, { import: "all", create: "all", update: "own" });
    const file = csv("Ed,Changed,ed@may.example,,", "Flo,New,flo@may.example,,");
    expect(await imported(world, { file, mode: "update" }, user)).toMatchObject({
      ...{ created: 1, updated: 0, failed: 1 },
    });
    expect(await world.get(getContact, { id: theirs.id })).toEqual(theirs);
    const again = csv("Flo,Changed,flo@may.example,,");
    expect(await imported(world, { file: again, mode: "update" }, user)).toMatchObject({
      updated: 1,
    });
  });

  test("who may create contacts of their own gives none away by an import", async () => {
    const user = await userWith(world, { import: "all", create: "own" });
    const { id } = world.tenant.admin.user;
    const file = `email,ownerUserId\ngus@may.example,\nhal@may.example,${id}\n`;
    expect(await imported(world, { file }, user)).toMatchObject({ created: 1, failed: 1 });
  });
});
