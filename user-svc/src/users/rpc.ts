import { bind } from "@crm/platform/rpc";
import { UserService } from "@crm/proto/user/v1/user_pb";
import {
  assignRole,
  createUser,
  disableUser,
  getUser,
  listUsers,
  resetUserPassword,
  updateUser,
} from "./operations.ts";
import type { CreatedUser, User } from "./schema.ts";

const { method } = UserService;
const output = (user: User) => ({ user });

export const userBindings = [
  bind(method.createUser, createUser, {
    output: ({ invitationToken, ...user }: CreatedUser) => ({ user, invitationToken }),
  }),
  bind(method.getUser, getUser, { output }),
  bind(method.listUsers, listUsers),
  bind(method.updateUser, updateUser, { output }),
  bind(method.deleteUser, disableUser),
  bind(method.assignRole, assignRole, { output }),
  bind(method.resetUserPassword, resetUserPassword),
];
