import { bind } from "@crm/platform/rpc";
import { ContactService } from "@crm/proto/crm/v1/contact_pb";
import { getTimeline } from "./operations.ts";

export const timelineBindings = [bind(ContactService.method.listContactTimeline, getTimeline)];
