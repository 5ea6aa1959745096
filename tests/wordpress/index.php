<?php
// Debian's WordPress in a private folder: its own configuration would have to stand in /etc.
// On the command line it installs the site, and prints the application passwords as JSON.
$run = getenv( 'QUISAIT_RUN' );
define( 'ABSPATH', '/usr/share/wordpress/' );
define( 'DB_NAME', 'wordpress' );
define( 'DB_USER', 'root' );
define( 'DB_PASSWORD', '' );
define( 'DB_HOST', "localhost:$run/socket" );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'DB_COLLATE', '' );
define( 'WP_CONTENT_DIR', "$run/content" );
define( 'WP_HOME', getenv( 'QUISAIT_URL' ) );
define( 'WP_SITEURL', WP_HOME );
define( 'WP_ENVIRONMENT_TYPE', 'local' ); // application passwords without TLS
define( 'WP_HTTP_BLOCK_EXTERNAL', true );
define( 'DISABLE_WP_CRON', true );
define( 'WP_POST_REVISIONS', false );
$table_prefix = 'wp_';

if ( 'cli' === PHP_SAPI ) {
	define( 'WP_INSTALLING', true );
	require ABSPATH . 'wp-settings.php';
	require ABSPATH . 'wp-admin/includes/upgrade.php';
	wp_install( 'Essais', 'admin', 'admin@exemple.test', true, '', 'mot de passe' );
	update_option( 'permalink_structure', '/%postname%/' );
	foreach ( get_posts( [ 'post_type' => 'any', 'post_status' => 'any', 'numberposts' => -1 ] ) as $post ) {
		wp_delete_post( $post->ID, true );
	}
	wp_insert_user(
		[
			'user_login'   => 'jdupont',
			'user_pass'    => 'mot de passe',
			'user_email'   => 'jdupont@exemple.test',
			'display_name' => 'Jeanne Dupont',
			'role'         => 'author',
		]
	);
	$passwords = [];
	foreach ( get_users() as $user ) {
		list( $passwords[ $user->user_login ] ) =
			WP_Application_Passwords::create_new_application_password( $user->ID, [ 'name' => 'essais' ] );
	}
	echo "\n", json_encode( $passwords ), "\n";
	exit;
}

$path = parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH );
if ( str_starts_with( $path, '/wp-content/uploads/' ) && is_file( "$run/content/" . substr( $path, 12 ) ) ) {
	header( 'Content-Type: text/plain' );
	readfile( "$run/content/" . substr( $path, 12 ) );
	exit;
}
require ABSPATH . 'wp-settings.php';
wp();
if ( ! is_robots() ) {
	http_response_code( is_404() ? 404 : 200 );
} else {
	do_action( 'do_robots' );
}
echo '<html><body><p>Une page du site.</p></body></html>';
