# Losers: almost every wish of an on-sale is refused.
package Groups::Losers;
use v5.30;
use warnings;
use Houses;

sub group
{
	return {
		name    => 'losers',
		title   => 'Refusals at an arena of 20,000 seats',
		seconds => 5,
		lines   => [
			{ name => 'select_1', title => 'SELECT 1', role => 'reference' },
			{
				name    => 'only_refuse_sold_out',
				title   => 'a C function that only refuses: sold out',
				role    => 'reference',
				expect  => 'TB102',
				prepare => refuse_like('sold_out_section'),
				check   => same_refusal('only_refuse_sold_out', 'sold_out_section')
			},
			{
				name    => 'sold_out_section',
				title   => 'reserve in a section that is sold out',
				expect  => 'TB102',
				prepare => \&section,
				check   => \&Houses::verify,
				compare => [ only_refuse_sold_out => 0.8, select_1 => 0.4 ]
			},
			{
				name    => 'sold_out_event',
				title   => 'reserve at an event that is sold out',
				expect  => 'TB102',
				prepare => sub { return { event => Houses::sold_out_arena($_[0], 10) } },
				check   => \&Houses::verify,
				compare => [ only_refuse_sold_out => 0.8, select_1 => 0.4 ]
			},
			{
				name    => 'only_refuse_seat_taken',
				title   => 'a C function that only refuses: seat taken',
				role    => 'reference',
				expect  => 'TB105',
				prepare => refuse_like('seat_taken'),
				check   => same_refusal('only_refuse_seat_taken', 'seat_taken')
			},
			{
				name    => 'seat_taken',
				title   => 'reserve_seats of seats that are taken',
				expect  => 'TB105',
				prepare => \&section,
				check   => \&Houses::verify,
				compare => [ only_refuse_seat_taken => 0.8, select_1 => 0.4 ]
			} ]
	};
}

# Sections 0 to 4, that is seats 0 to 9,999, are sold out; the others are free.
sub section { return { event => Houses::sold_out_arena($_[0], 5) } }

# One call of each script.
my %CALL = (
	sold_out_section       => 'SELECT tixbook.reserve(%d, 2, $s$0$s$)',
	only_refuse_sold_out   => 'SELECT bench.refuse(%d, 2, $s$0$s$)',
	seat_taken             => 'SELECT tixbook.reserve_seats(%d, ARRAY[5000, 5001])',
	only_refuse_seat_taken => 'SELECT bench.refuse_seats(%d, ARRAY[5000, 5001])');

sub call { return "'" . sprintf($CALL{ $_[0] }, $_[1]{event}) . "'" }

# Has the function that only refuses say what the real one says.
sub refuse_like
{
	my ($name) = @_;
	return sub {
		my ($bench) = @_;
		my $given = section($bench);
		$bench->sql(sprintf 'SELECT bench.refuse_like(%s)', call($name, $given));
		return $given;
	};
}

# And that it does.
sub same_refusal
{
	my ($reference, $name) = @_;
	return sub {
		my ($bench, $given) = @_;
		return $bench->sql(sprintf 'SELECT reference.*, original.*
			FROM bench.refusal_of(%s) reference, bench.refusal_of(%s) original
			WHERE reference IS DISTINCT FROM original OR original.code IS NULL', call($reference, $given), call($name, $given));
	};
}

1;
