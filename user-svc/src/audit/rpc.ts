import { bind } from "@crm/platform/rpc";
import { UserService } from "@crm/proto/user/v1/user_pb";
import { listAudit } from "./operations.ts";

export const auditBindings = [bind(UserService.method.listAuditEntries, listAudit)];
