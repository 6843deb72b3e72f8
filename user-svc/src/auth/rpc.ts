import { bind } from "@crm/platform/rpc";
import { AuthService } from "@crm/proto/user/v1/auth_pb";
import { login, register } from "./operations.ts";
import { acceptInvitation, changePassword, resetPassword } from "./passwords/operations.ts";
import type { Session } from "./schema.ts";
import { confirmTotp, disableTotp, enrollTotp } from "./second-factor/operations.ts";
import { endSession, listSessions, logout, logoutAll, refresh } from "./sessions/operations.ts";

const { method } = AuthService;
const output = (session: Session) => ({ session });

export const authBindings = [
  bind(method.register, register, { output }),
  bind(method.login, login, { output }),
  bind(method.refresh, refresh, { output }),
  bind(method.logout, logout),
  bind(method.logoutAll, logoutAll),
  bind(method.listSessions, listSessions),
  bind(method.endSession, endSession),
  bind(method.changePassword, changePassword),
  bind(method.acceptInvitation, acceptInvitation, { output }),
  bind(method.resetPassword, resetPassword),
  bind(method.enrollTotp, enrollTotp),
  bind(method.confirmTotp, confirmTotp),
  bind(method.disableTotp, disableTotp),
];
