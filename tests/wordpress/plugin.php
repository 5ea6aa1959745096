<?php
// What sites do to their interface, as plugin.json beside the site says.
$said = json_decode( file_get_contents( getenv( 'QUISAIT_RUN' ) . '/plugin.json' ), true );

// A clock of its own: two changes of one second have two dates, of years ago.
if ( empty( $said['clock'] ) ) {
	add_filter(
		'wp_insert_post_data',
		function ( $data ) {
			$ticks = 1 + (int) get_option( 'quisait_ticks', 0 );
			update_option( 'quisait_ticks', $ticks );
			$data['post_modified_gmt'] = gmdate( 'Y-m-d H:i:s', 1700000000 + $ticks );
			$data['post_modified']     = $data['post_modified_gmt'];
			return $data;
		}
	);
}

// A shortcode that ends the answer half-way, as a broken plug-in does.
add_shortcode(
	'panne',
	function () {
		if ( 'GET' !== $_SERVER['REQUEST_METHOD'] ) {
			return '';
		}
		status_header( 500 );
		exit;
	}
);

// Security plug-ins.
add_filter(
	'rest_authentication_errors',
	function ( $result ) use ( $said ) {
		$closed = ! empty( $said['closed'] ) && ! is_user_logged_in();
		return $closed ? new WP_Error( 'rest_not_logged_in', 'Fermé.', [ 'status' => 401 ] ) : $result;
	},
	200
);
add_filter(
	'rest_endpoints',
	function ( $endpoints ) use ( $said ) {
		foreach ( $said['removed'] ?? [] as $route ) {
			foreach ( array_keys( $endpoints ) as $name ) {
				if ( str_starts_with( $name, $route ) ) {
					unset( $endpoints[ $name ] );
				}
			}
		}
		return $endpoints;
	}
);
add_filter(
	'rest_request_before_callbacks',
	function ( $answer, $handler, $request ) use ( $said ) {
		foreach ( $said['refused'] ?? [] as $route ) {
			if ( str_starts_with( $request->get_route(), $route ) && empty( $_GET['_embed'] ) ) {
				return new WP_Error( 'rest_user_cannot_view', 'Fermé.', [ 'status' => 401 ] );
			}
		}
		return $answer;
	},
	10,
	3
);
if ( ! empty( $said['page'] ) ) {
	add_action(
		'parse_request',
		function () use ( $said ) {
			status_header( $said['page'] );
			echo '<html><body>Connexion</body></html>';
			exit;
		},
		0
	);
}

// Answers that another plug-in changed.
foreach ( [ 'post', 'page' ] as $type ) {
	add_filter(
		"rest_prepare_$type",
		function ( $response ) {
			if ( str_contains( $response->data['title']['rendered'] ?? '', 'abîmé' ) ) {
				$response->data['title'] = [ 'rendered' => [ 1 ] ];
			}
			return $response;
		}
	);
}
add_filter(
	'rest_post_dispatch',
	function ( $response ) use ( $said ) {
		foreach ( $said['without'] ?? [] as $header ) {
			unset( $response->headers[ $header ] );
		}
		return $response;
	}
);

// A type of a plug-in.
add_action(
	'init',
	fn() => register_post_type(
		'fiche',
		[ 'public' => true, 'show_in_rest' => true, 'rest_base' => 'fiches', 'label' => 'Fiches' ]
	)
);
