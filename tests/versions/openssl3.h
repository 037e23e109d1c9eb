/* httpd before 2.4.49 asks an error of OpenSSL for the function that raised it. OpenSSL 3 has no such thing any more:
   both the answer and the number that it is compared with are 0. */
#define ERR_GET_FUNC(error) 0
