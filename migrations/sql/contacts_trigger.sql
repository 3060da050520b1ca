-- An example: a table of contacts whose subscribers are a segment. It needs no lock of its own: the contact's row lock
-- is held when the outbox ids are drawn, so the ids of one contact follow the order of its commits. One statement of
-- the CRM writes one statement of outbox rows, however many contacts it touches.

create table contacts (
  id          bigint generated always as identity primary key,
  email       text,
  first_name  text,
  last_name   text,
  title       text,
  company     text,
  country     text,
  subscribed  boolean not null default true
);

create function contacts_to_outbox() returns trigger
language plpgsql
as $$
begin
  if tg_op = 'INSERT' then
    insert into syncd.outbox (segment_key, action, subject_id, payload)
    select tg_argv[0], 'ADD', n.id::text, contact_payload(n.email, n.first_name, n.last_name, n.title, n.company, n.country)
    from new_rows n where n.subscribed order by n.id;
  elsif tg_op = 'UPDATE' then
    insert into syncd.outbox (segment_key, action, subject_id, payload)
    select tg_argv[0],
           case when n.subscribed then 'ADD' else 'REMOVE' end,
           n.id::text,
           case when n.subscribed
             then contact_payload(n.email, n.first_name, n.last_name, n.title, n.company, n.country) else '{}' end
    from new_rows n join old_rows o on o.id = n.id
    where (n.subscribed or o.subscribed) and n is distinct from o order by n.id;
  else
    insert into syncd.outbox (segment_key, action, subject_id, payload)
    select tg_argv[0], 'REMOVE', o.id::text, '{}' from old_rows o where o.subscribed order by o.id;
  end if;
  return null;
end
$$;

create function contact_payload(email text, first_name text, last_name text, title text, company text, country text)
returns jsonb language sql immutable
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'email', email, 'first_name', first_name, 'last_name', last_name, 'title', title, 'company', company, 'country', country))
$$;

create trigger contacts_inserted after insert on contacts
  referencing new table as new_rows for each statement execute function contacts_to_outbox('trial-signups');
create trigger contacts_updated after update on contacts
  referencing old table as old_rows new table as new_rows for each statement execute function contacts_to_outbox('trial-signups');
create trigger contacts_deleted after delete on contacts
  referencing old table as old_rows for each statement execute function contacts_to_outbox('trial-signups');
