-- Opt-in: tells syncd at once that rows were committed (`outbox.notify: true`). It is not installed by default because
-- every notifying commit of the CRM takes one lock of the whole cluster while it is flushed; polling costs the CRM nothing.

create function syncd.notify_outbox() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('syncd_outbox', '');
  return null;
end
$$;

create trigger outbox_notifies after insert on syncd.outbox
  for each statement execute function syncd.notify_outbox();
