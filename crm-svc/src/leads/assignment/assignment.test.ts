import { expect, test } from "bun:test";
import {
  convertLead,
  getLead,
  getLeadSettings,
  listLeads,
  reassignLeads,
  setLeadSettings,
  updateLead,
} from "../../../../tools/testing/api/leads.ts";
import { deleteUser } from "../../../../tools/testing/api/users.ts";
import {
  describeForEveryClient,
  expectRefusal,
  invalid,
  notFound,
} from "../../../../tools/testing/cases.ts";
import { addLead } from "../../../../tools/testing/leads.ts";
import { startServices } from "../../../../tools/testing/services.ts";

const NOBODYS_ID = Bun.randomUUIDv7();

const services = await startServices();

await describeForEveryClient(services, (world) => {
  test("leads of a user go to another, all at once", async () => {
    const from = await world.tenant.addUser("sales");
    const to = (await world.sessionOf("manager")).user.id;
    const assignedUserId = from.user.id;
    const ids = [
      (await addLead(world, { assignedUserId })).id,
      (await addLead(world, { assignedUserId })).id,
    ];
    const won = await addLead(world, { assignedUserId });
    await world.get(convertLead, { id: won.id });
    await world.get(deleteUser, { id: assignedUserId });
    const left = await world.get(listLeads, { assignedUserStatus: "disabled", status: ["new"] });
    expect(left.items.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    const back = await world.call(reassignLeads, { from: to, to: assignedUserId });
    expectRefusal(world, back, invalid("to disabled"));
    expect(await world.get(reassignLeads, { from: assignedUserId, to })).toEqual({
      from: assignedUserId,
      to,
      count: 2,
    });
    for (const id of ids) {
      expect(await world.get(getLead, { id })).toMatchObject({ assignedUserId: to });
    }
    const given = await world.call(updateLead, { id: ids[0] ?? "", lead: { assignedUserId } });
    expectRefusal(world, given, invalid("assignedUserId disabled"));
  });

  test("settings have their versions", async () => {
    const before = await world.get(getLeadSettings, {});
    const inactiveDays = { ...before.inactiveDays, proposal: 7 };
    const after = await world.get(setLeadSettings, {
      inactiveDays,
      expectedVersion: before.version,
    });
    expect(after).toEqual({ ...before, inactiveDays, version: before.version + 1 });
    expect(await world.get(getLeadSettings, {})).toEqual(after);
    const stale = await world.call(setLeadSettings, {
      inactiveDays: before.inactiveDays,
      expectedVersion: before.version,
    });
    expectRefusal(world, stale, { kind: "stale", code: "version_mismatch" });
    const unknown = await world.call(setLeadSettings, {
      assignment: { mode: "roundRobin", userIds: [NOBODYS_ID], rules: [] },
    });
    expectRefusal(world, unknown, {
      ...notFound,
      fields: ["assignment.userIds[0] not_found"],
    });
  });
});
