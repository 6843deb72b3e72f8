-- What a merge moves and gives back is looked up, deleted interactions, too: an index without them made it
-- read all of the tenant's.
drop index crm.interactions_of_contact;
create index interactions_of_contact on crm.interactions
  (tenant_id, contact_id, occurred_at, interaction_id);
create index customers_merged on crm.customers (tenant_id, merged_into) where merged_into is not null;
create index merged_rows_of_customer on crm.merged_rows (tenant_id, row_id, merge_id) where kind = 'customer';

-- The score of a lead rested also on an interaction that is now with somebody else.
create or replace function crm.note_interaction() returns trigger
  language plpgsql
as $$
begin
  if new.contact_id is not null then
    -- One that is gone is no activity, but the score rested on it.
    perform crm.note_lead_activity(new.tenant_id, new.contact_id,
      case when new.deleted_at is null and (new.type <> 'task' or new.outcome = 'done')
      then new.occurred_at else '-infinity' end);
  end if;
  if old.contact_id is not null and old.contact_id is distinct from new.contact_id then
    perform crm.note_lead_activity(old.tenant_id, old.contact_id, '-infinity');
  end if;
  return null;
end
$$;
drop trigger interactions_changed on crm.interactions;
create trigger interactions_changed after update on crm.interactions
  for each row
  when ((old.contact_id, old.type, old.outcome, old.occurred_at, old.direction, old.deleted_at)
          is distinct from
          (new.contact_id, new.type, new.outcome, new.occurred_at, new.direction, new.deleted_at))
  execute function crm.note_interaction();
