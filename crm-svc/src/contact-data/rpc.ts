import { bind } from "@crm/platform/rpc";
import { CrmService } from "@crm/proto/crm/v1/crm_pb";
import { getContactData } from "./operations.ts";

export const contactDataBindings = [bind(CrmService.method.getContactData, getContactData)];
