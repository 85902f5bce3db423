# Reads: what everybody asks during an on-sale.
package Groups::Reads;
use v5.30;
use warnings;
use Houses;

sub group
{
	return {
		name    => 'reads',
		title   => 'Reads of an arena of 20,000 seats, half sold',
		seconds => 5,
		lines   => [
			{ name => 'select_1', title => 'SELECT 1', role => 'reference' },
			{
				name    => 'availability',
				title   => 'availability, the whole map (binary)',
				prepare => \&half_sold,
				compare => [ select_1 => 0.65 ]
			},
			{
				name    => 'availability_text',
				title   => 'availability, the whole map (text)',
				prepare => \&half_sold,
				compare => [ select_1 => undef ]
			},
			{
				name    => 'availability_since',
				title   => 'availability since the version one has',
				prepare => \&half_sold,
				compare => [ select_1 => 0.85 ]
			} ]
	};
}

sub half_sold
{
	my ($bench) = @_;
	my $event = Houses::half_sold_arena($bench);
	return { event => $event, version => $bench->sql("SELECT version FROM tixbook.availability($event)") };
}

1;
