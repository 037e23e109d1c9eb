package org.example.console;

import java.nio.ByteBuffer;
import javax.websocket.OnError;
import javax.websocket.OnMessage;
import javax.websocket.Session;
import javax.websocket.server.ServerEndpoint;

/** Returns every message as it came, for tests. */
@ServerEndpoint(value = "/echo", subprotocols = "wsconsole")
public class Echo {
  /** Characters or bytes: cases of Autobahn are as long as 16 MiB. */
  private static final int LONGEST = 17 << 20;

  @OnMessage(maxMessageSize = LONGEST)
  public String text(String message) {
    return message;
  }

  @OnMessage(maxMessageSize = LONGEST)
  public ByteBuffer binary(ByteBuffer message) {
    return message;
  }

  @OnError
  public void error(Session session, Throwable failure) {
    System.out.println("failed: " + failure);
  }
}
