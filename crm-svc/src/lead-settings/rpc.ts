import { bind } from "@crm/platform/rpc";
import { LeadService } from "@crm/proto/crm/v1/lead_pb";
import { getLeadSettings, setLeadSettings } from "./operations.ts";

const { method } = LeadService;

export const leadSettingsBindings = [
  bind(method.getLeadSettings, getLeadSettings),
  bind(method.setLeadSettings, setLeadSettings),
];
