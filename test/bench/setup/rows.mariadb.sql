-- The row-per-seat way of rows.sql for MariaDB. It has no partial index, so the status leads to the free seats;
-- left to itself, it goes along the key as soon as some are sold.
CREATE TABLE hold (
    booking_id bigint AUTO_INCREMENT PRIMARY KEY,
    event_id   integer NOT NULL,
    section    smallint NOT NULL,
    customer   varchar(255),
    status     enum ('held', 'confirmed', 'expired') NOT NULL,
    created_at datetime(6) NOT NULL,
    expires_at datetime(6) NOT NULL,
    amount     bigint NOT NULL,
    currency   char(3) NOT NULL,
    INDEX hold_due_idx (status, expires_at)
) ENGINE = InnoDB;

CREATE TABLE seat (
    event_id   integer NOT NULL,
    section    smallint NOT NULL,
    seat_no    integer NOT NULL,
    status     enum ('free', 'held', 'sold') NOT NULL DEFAULT 'free',
    booking_id bigint,
    PRIMARY KEY (event_id, section, seat_no),
    INDEX seat_free_idx (event_id, section, status, seat_no),
    INDEX seat_booking_idx (booking_id)
) ENGINE = InnoDB;

DELIMITER //
CREATE PROCEDURE reserve_two(the_event integer, the_section smallint)
BEGIN
    DECLARE first_seat, second_seat, found_seats integer;
    DECLARE new_id bigint;
    DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
    START TRANSACTION;
    SELECT min(s.seat_no), max(s.seat_no), count(*) INTO first_seat, second_seat, found_seats
    FROM (SELECT seat_no FROM seat FORCE INDEX (seat_free_idx)
          WHERE event_id = the_event AND section = the_section AND status = 'free'
          ORDER BY seat_no LIMIT 2 FOR UPDATE SKIP LOCKED) s;
    IF found_seats < 2 THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'sold out';
    END IF;
    INSERT INTO hold (event_id, section, status, created_at, expires_at, amount, currency)
    VALUES (the_event, the_section, 'held', now(6), now(6) + INTERVAL 10 MINUTE, 10000, 'EUR');
    SET new_id = last_insert_id();
    UPDATE seat SET status = 'held', booking_id = new_id
    WHERE event_id = the_event AND section = the_section AND seat_no IN (first_seat, second_seat);
    COMMIT;
    SELECT new_id;
END //
DELIMITER ;
